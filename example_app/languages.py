"""The language that people read the product in.

The page Platform Users is in all of them; of the product's own texts only what leads there, and
most of what it adds to the page.
"""

from typing import Any

from flask import Blueprint, Flask, abort, has_request_context, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import Babel, get_locale
from flask_babel.speaklater import LazyString
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
        "Never signed in": "Nunca inició sesión",
        "Over a limit": "Por encima de un límite",
        "New this month": "Nuevos este mes",
        "Block ends this week": "El bloqueo termina esta semana",
        "Company": "Empresa",
        "Conversations": "Conversaciones",
        "Unread messages": "Mensajes sin leer",
        "Latest": "Última",
        "Team members": "Miembros del equipo",
        "Templates": "Plantillas",
        "Campaigns": "Campañas",
        "Send onboarding email": "Enviar el correo de bienvenida",
        "Extend trial": "Prolongar la prueba",
        "{who} sent {user} the onboarding email.": "{who} envió a {user} el correo de bienvenida.",
        "{who} extended the trial of {user}.": "{who} prolongó la prueba de {user}.",
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
        "Never signed in": "Nunca entrou",
        "Over a limit": "Acima de um limite",
        "New this month": "Novos este mês",
        "Block ends this week": "Bloqueio termina esta semana",
        "Company": "Empresa",
        "Conversations": "Conversas",
        "Unread messages": "Mensagens não lidas",
        "Latest": "Última",
        "Team members": "Membros da equipe",
        "Templates": "Modelos",
        "Campaigns": "Campanhas",
        "Send onboarding email": "Enviar o e-mail de boas-vindas",
        "Extend trial": "Prolongar o teste",
        "{who} sent {user} the onboarding email.": "{who} enviou a {user} o e-mail de boas-vindas.",
        "{who} extended the trial of {user}.": "{who} prolongou o teste de {user}.",
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
        "Never signed in": "لم يسجّل الدخول قط",
        "Over a limit": "فوق أحد الحدود",
        "New this month": "الجدد هذا الشهر",
        "Block ends this week": "ينتهي الحظر هذا الأسبوع",
        "Company": "الشركة",
        "Conversations": "المحادثات",
        "Unread messages": "رسائل غير مقروءة",
        "Latest": "الأحدث",
        "Team members": "أعضاء الفريق",
        "Templates": "القوالب",
        "Campaigns": "الحملات",
        "Send onboarding email": "إرسال رسالة الترحيب",
        "Extend trial": "تمديد الفترة التجريبية",
        "{who} sent {user} the onboarding email.": "أرسل {who} رسالة الترحيب إلى {user}.",
        "{who} extended the trial of {user}.": "مدّد {who} الفترة التجريبية لـ {user}.",
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
        "Never signed in": "कभी साइन इन नहीं किया",
        "Over a limit": "किसी सीमा से ऊपर",
        "New this month": "इस महीने नए",
        "Block ends this week": "ब्लॉक इस हफ़्ते ख़त्म",
        "Company": "कंपनी",
        "Conversations": "बातचीत",
        "Unread messages": "अपठित संदेश",
        "Latest": "नवीनतम",
        "Team members": "टीम के सदस्य",
        "Templates": "टेम्पलेट",
        "Campaigns": "अभियान",
        "Send onboarding email": "स्वागत ईमेल भेजें",
        "Extend trial": "ट्रायल बढ़ाएँ",
        "{who} sent {user} the onboarding email.": "{who} ने {user} को स्वागत ईमेल भेजा।",
        "{who} extended the trial of {user}.": "{who} ने {user} का ट्रायल बढ़ाया।",
    },
}
"""What the product's frame is called, what its sign-in page says to whoever is kept out, and what
Platform Users shows of the product's own."""

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


def lazily(name: str) -> Any:
    """Return a text that is looked up when it is read."""
    return LazyString(_named, name)


def _locale() -> str | None:
    return session.get("language") or request.accept_languages.best_match(LANGUAGES)


def _named(name: str) -> str:
    locale = get_locale() if has_request_context() else None
    return NAMES.get(locale.language, {}).get(name, name) if locale else name
