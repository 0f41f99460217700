"""The words that the seeded product speaks: locales, dialogues, templates, campaigns, plans."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Locale:
    """Where people are from: a Faker locale, a phone number's pattern and the language written."""

    name: str
    phone: str
    language: str = "en"
    family_name_first: bool = False


@dataclass(frozen=True)
class PlanOffer:
    """A plan to seed; None means unlimited."""

    name: str
    price: Decimal
    interval: str
    channels: int | None
    contacts: int | None
    team_members: int | None
    features: tuple[str, ...]


@dataclass(frozen=True)
class AddOnOffer:
    """An add-on to seed, and by how much it raises a plan's limits."""

    name: str
    price: Decimal
    channels: int = 0
    contacts: int = 0


@dataclass(frozen=True)
class Brand:
    """A platform to seed."""

    slug: str
    name: str
    color: str
    currency: str
    users: int
    locales: tuple[Locale, ...]
    plans: tuple[PlanOffer, ...]
    add_ons: tuple[AddOnOffer, ...]


US = Locale("en_US", "+1 2#2 555 01##")
UK = Locale("en_GB", "+44 7700 900###")
INDIA_EN = Locale("en_IN", "+91 98### #####")
INDIA = Locale("hi_IN", "+91 97### #####", "hi")
GERMANY = Locale("de_DE", "+49 151 ########", "de")
FRANCE = Locale("fr_FR", "+33 6 39 98 ## ##", "fr")
SPAIN = Locale("es_ES", "+34 6## ### ###", "es")
MEXICO = Locale("es_MX", "+52 55 #### ####", "es")
BRAZIL = Locale("pt_BR", "+55 11 9#### ####", "pt")
POLAND = Locale("pl_PL", "+48 5## ### ###")
CZECHIA = Locale("cs_CZ", "+420 7## ### ###")
TURKEY = Locale("tr_TR", "+90 53# ### ## ##")
VIETNAM = Locale("vi_VN", "+84 9# ### ## ##")
UKRAINE = Locale("uk_UA", "+380 50 ### ## ##", "uk")
BULGARIA = Locale("bg_BG", "+359 88 ### ####")
GREECE = Locale("el_GR", "+30 69# ### ####")
EGYPT = Locale("ar_AA", "+20 10 #### ####", "ar")
ISRAEL = Locale("he_IL", "+972 5# ### ####")
CHINA = Locale("zh_CN", "+86 13# #### ####", "zh", family_name_first=True)
JAPAN = Locale("ja_JP", "+81 90 #### ####", "ja", family_name_first=True)
KOREA = Locale("ko_KR", "+82 10 #### ####", family_name_first=True)
THAILAND = Locale("th_TH", "+66 8# ### ####")


GROWTH = ("Shared inbox", "Campaign reports")


def _plans(*prices: str) -> tuple[PlanOffer, ...]:
    starter, growth, scale, yearly = (Decimal(price) for price in prices)
    return (
        PlanOffer("Starter", starter, "month", 3, 500, 5, ("Shared inbox",)),
        PlanOffer("Growth", growth, "month", 8, 5_000, 10, GROWTH),
        PlanOffer("Scale", scale, "month", None, None, None, (*GROWTH, "API access")),
        PlanOffer("Growth, yearly", yearly, "year", 8, 5_000, 10, GROWTH),
    )


BRANDS = (
    Brand(
        "acme",
        "Acme Connect",
        "#4338ca",
        "EUR",
        812,
        (
            *(GERMANY, FRANCE, SPAIN, UK, US, INDIA_EN) * 2,
            *(INDIA, MEXICO, BRAZIL, POLAND, CZECHIA, TURKEY, UKRAINE, BULGARIA, GREECE),
            *(EGYPT, ISRAEL, CHINA, JAPAN, KOREA, VIETNAM, THAILAND),
        ),
        _plans("29.00", "89.00", "249.00", "890.00"),
        (
            AddOnOffer("Extra channel", Decimal("9.00"), channels=1),
            AddOnOffer("5,000 contacts", Decimal("15.00"), contacts=5_000),
            AddOnOffer("Priority support", Decimal("49.00")),
        ),
    ),
    Brand(
        "globex",
        "Globex Chat",
        "#0f766e",
        "USD",
        250,
        (*(US, MEXICO, BRAZIL) * 2, INDIA_EN, SPAIN, JAPAN, KOREA, CHINA, FRANCE),
        _plans("35.00", "99.00", "279.00", "990.00"),
        (
            AddOnOffer("Extra channel", Decimal("10.00"), channels=1),
            AddOnOffer("Chat flows", Decimal("25.00")),
        ),
    ),
    Brand(
        "initech",
        "Initech Talk",
        "#b4234a",
        "GBP",
        150,
        (*(UK, INDIA_EN) * 2, INDIA, POLAND, EGYPT, GREECE, UKRAINE),
        _plans("25.00", "75.00", "199.00", "750.00"),
        (
            AddOnOffer("Extra channel", Decimal("8.00"), channels=1),
            AddOnOffer("Onboarding call", Decimal("60.00")),
        ),
    ),
)

COMPANIES = {
    "en": ("{} Interiors", "{} & Daughters", "The {} Bakery", "{} Travel", "{} Cycles"),
    "de": ("Bäckerei {}", "{} Gartenbau", "Autohaus {}", "Praxis Dr. {}"),
    "fr": ("Pâtisserie {}", "Atelier {}", "Librairie {}", "Château {}"),
    "es": ("Panadería {}", "Clínica {}", "Muebles {}", "Viajes {}"),
    "pt": ("Padaria {}", "Clínica {}", "Confecções {}", "Imóveis {}"),
}

# Each dialogue begins with the contact; the two then take turns.
DIALOGUES = {
    "en": (
        (
            "Hi, is the blue one still in stock?",
            "Yes, two left. Shall I put one aside for you?",
            "Please do, I'll come by on Saturday.",
            "Done. It is at the counter under your name.",
        ),
        (
            "My parcel was meant to arrive yesterday 😕",
            "Sorry about that! Could you send me the order number?",
            "It's 48213.",
            "Thank you. It is at the depot and comes tomorrow between 9 and 12.",
            "Perfect, thanks for the quick answer.",
        ),
        ("Can I move my appointment to Thursday?", "Of course. 10:30 or 15:00?", "15:00 please!"),
        ("Do you ship to Ireland?", "We do, it takes three days and costs 6.90."),
        ("Could you send me the invoice for October again?",),
        (
            "The link in your newsletter does not open.",
            "Thanks for telling us, it is mended now.",
            "Works. Ordered 👍",
        ),
        ("Do you have a table for six tonight?", "At 19:00 we have one by the window.", "Take it!"),
        ("What are your opening hours on the bank holiday?",),
        ("I'd like to cancel my subscription.", "I can help. May I ask what we could do better?"),
    ),
    "de": (
        ("Guten Tag, haben Sie morgen geöffnet?", "Ja, von 8 bis 18 Uhr.", "Prima, bis morgen!"),
        (
            "Könnten Sie mir die Rechnung noch einmal schicken?",
            "Gern, sie ist unterwegs an Ihre E-Mail-Adresse.",
        ),
    ),
    "fr": (
        (
            "Bonjour, le gâteau peut-il être prêt samedi ?",
            "Bien sûr, à partir de 10 h.",
            "Parfait, merci !",
        ),
        ("Avez-vous reçu mon virement ?",),
    ),
    "es": (
        (
            "Hola, ¿cuánto tarda el envío a Sevilla?",
            "Dos días laborables.",
            "Genial, lo pido hoy.",
        ),
        ("¿Puedo cambiar la cita al lunes?", "Claro, ¿a las 11 le va bien?"),
    ),
    "pt": (("Oi! Vocês entregam no sábado?", "Sim, até as 14h.", "Ótimo, obrigada!"),),
    "uk": (("Добрий день! Чи є це в наявності?", "Так, можемо надіслати сьогодні.", "Дякую!"),),
    "ar": (("مرحبًا، هل المتجر مفتوح غدًا؟", "نعم، من التاسعة حتى السادسة.", "شكرًا جزيلًا"),),
    "hi": (("नमस्ते, क्या मेरा ऑर्डर निकल गया?", "जी हाँ, कल तक पहुँच जाएगा।", "धन्यवाद 🙏"),),
    "zh": (("你好,请问还有货吗?", "有的,今天可以发货。", "好的,谢谢!"),),
    "ja": (("明日の予約を変更できますか?", "はい、何時がよろしいですか?", "15時でお願いします。"),),
}

TAGS = ("Customer", "Customer", "Customer", "Lead", "Lead", "VIP", "Supplier", "Newsletter")
TEAM_ROLES = ("Admin", "Agent", "Agent", "Agent", "Viewer")
CAMPAIGN_STATES = ("sent", "sent", "sent", "sent", "scheduled", "draft")
CAMPAIGNS = (
    "Spring arrivals",
    "Opening hours in August",
    "Back in stock",
    "Thank you, 10 % off",
    "Customer survey",
    "New: book by chat",
    "Year-end sale",
    "Newsletter No. {}",
)
TEMPLATES = {
    "order_confirmed": "Hi {{1}}, your order {{2}} is confirmed. We tell you when it leaves.",
    "appointment_reminder": "Hi {{1}}, see you on {{2}} at {{3}}. Reply MOVE to change the time.",
    "delivery_today": "Good news, {{1}}: your parcel arrives today between {{2}} and {{3}}.",
    "payment_due": "Hi {{1}}, invoice {{2}} is due on {{3}}. Here is the link to pay: {{4}}",
    "welcome": "Welcome, {{1}}! Write to us here whenever you need something.",
    "feedback": "Hi {{1}}, how was it? Reply with a number from 1 to 5.",
    "back_in_stock": "{{1}}, what you asked for is back: {{2}}. Shall we put one aside?",
    "away": "Thanks for writing. We are back on {{1}} and answer first thing then.",
}
