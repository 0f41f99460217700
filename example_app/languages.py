"""The language that people read the product in.

The page Platform Users is in all of them; of the product's own texts only what leads there is.
"""

from flask import Blueprint, Flask, abort, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import Babel, get_locale
from flask_login import current_user

from .models import db

LANGUAGES = {
    "en": "English",
    "es": "Español",
    "pt": "Português",
    "ar": "العربية",
    "hi": "हिन्दी",
}

NAMES = {
    "es": {
        "Home": "Inicio",
        "Inbox": "Bandeja de entrada",
        "Contacts": "Contactos",
        "Team": "Equipo",
        "Settings": "Ajustes",
        "Platform users": "Usuarios de la plataforma",
        "Language": "Idioma",
        "Sign out": "Cerrar sesión",
        "Reason": "Motivo",
        "Write to the support of your platform.": "Escribe al soporte de tu plataforma.",
    },
    "pt": {
        "Home": "Início",
        "Inbox": "Caixa de entrada",
        "Contacts": "Contatos",
        "Team": "Equipe",
        "Settings": "Configurações",
        "Platform users": "Usuários da plataforma",
        "Language": "Idioma",
        "Sign out": "Sair",
        "Reason": "Motivo",
        "Write to the support of your platform.": "Escreva para o suporte da sua plataforma.",
    },
    "ar": {
        "Home": "الرئيسية",
        "Inbox": "صندوق الوارد",
        "Contacts": "جهات الاتصال",
        "Team": "الفريق",
        "Settings": "الإعدادات",
        "Platform users": "مستخدمو المنصة",
        "Language": "اللغة",
        "Sign out": "تسجيل الخروج",
        "Reason": "السبب",
        "Write to the support of your platform.": "اكتب إلى دعم منصتك.",
    },
    "hi": {
        "Home": "मुखपृष्ठ",
        "Inbox": "इनबॉक्स",
        "Contacts": "संपर्क",
        "Team": "टीम",
        "Settings": "सेटिंग",
        "Platform users": "प्लेटफ़ॉर्म के उपयोगकर्ता",
        "Language": "भाषा",
        "Sign out": "साइन आउट",
        "Reason": "कारण",
        "Write to the support of your platform.": "अपने प्लेटफ़ॉर्म की सहायता टीम को लिखें।",
    },
}
"""What the product's frame is called, and what its sign-in page says to whoever is kept out."""

pages = Blueprint("languages", __name__)


def init_app(app: Flask) -> None:
    """Set Flask-Babel up, and tell the templates of the language."""
    Babel(app, locale_selector=_locale)
    app.register_blueprint(pages)
    app.jinja_env.globals.update(languages=LANGUAGES, locale=get_locale, named=_named)


@pages.post("/language")
def choose() -> ResponseReturnValue:
    """Keep the language, for this browser and for whoever is signed in."""
    chosen = request.form.get("language")
    if chosen not in LANGUAGES:
        abort(404)
    session["language"] = chosen
    if current_user.is_authenticated:
        current_user.language = chosen
        db.session.commit()
    return redirect(url_for("product.settings"), 303)


def _locale() -> str | None:
    return session.get("language") or request.accept_languages.best_match(LANGUAGES)


def _named(name: str) -> str:
    return NAMES.get(get_locale().language, {}).get(name, name)
