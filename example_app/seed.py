"""Fill an empty database with three platforms that look as if they had run for two years."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from faker import Faker
from faker.decode import unidecode
from sqlalchemy import insert
from werkzeug.security import generate_password_hash

from . import demo
from .languages import LANGUAGES
from .models import (
    AddOn,
    Campaign,
    Channel,
    Contact,
    Conversation,
    Message,
    Model,
    Plan,
    Platform,
    Subscription,
    SubscriptionAddOn,
    TeamMember,
    Template,
    User,
    WhatsAppNumber,
    db,
    utc_now,
)
from .seed_texts import (
    BRANDS,
    CAMPAIGN_STATES,
    CAMPAIGNS,
    COMPANIES,
    DIALOGUES,
    TAGS,
    TEAM_ROLES,
    TEMPLATES,
    Brand,
    Locale,
)

STATUSES = {"active": 74, "inactive": 12, "blocked": 6, "pending": 8}
ROLES = {"admin": 62, "manager": 14, "agent": 23, "staff": 1}
DOMAINS = ("mail.example", "post.example", "inbox.example", "studio.example", "shop.example")
OLDEST = timedelta(days=760)


def seed() -> None:
    """Insert and commit everything; each time the same people, dated back from this moment."""
    Seeder(utc_now().replace(microsecond=0)).run()
    db.session.commit()


class Seeder:
    """What all rows are drawn from: one moment, one source of chance, one stock of names."""

    def __init__(self, now: datetime) -> None:
        """`now` is the moment that all dates lie before."""
        self.now = now
        self.random = random.Random(20)
        self.names = Names()
        self.emails: Counter[tuple[str, str]] = Counter()
        self.password_hash = generate_password_hash(demo.PASSWORD)

    def run(self) -> None:
        """Insert the platforms one after the other."""
        for brand in BRANDS:
            platform = Platform(
                slug=brand.slug,
                name=brand.name,
                color=brand.color,
                logo=f"logos/{brand.slug}.svg",
            )
            insert_all([platform])
            people = [*self.demo_users(brand, platform)]
            people += [
                self.user(platform, self.random.choice(brand.locales))
                for _ in range(brand.users - len(people))
            ]
            insert_all([user for user, _ in people])
            channels = self.channels(people)
            self.plans(brand, platform, [(user, channels[user.id]) for user, _ in people])
            self.work(brand, people)

    def demo_users(self, brand: Brand, platform: Platform) -> Iterator[tuple[User, Locale]]:
        """Yield the accounts that everyone may sign in to."""
        for place, sign_in in enumerate(demo.SIGN_INS, start=1):
            if sign_in.platform == brand.slug:
                user = User(
                    platform_id=platform.id,
                    username=sign_in.name,
                    email=sign_in.email,
                    password_hash=self.password_hash,
                    phone=self.phone(brand.locales[0]),
                    role=sign_in.role,
                    status="active",
                    permissions=demo.PERMISSIONS.get(sign_in.email, ["view"])
                    if sign_in.role == "staff"
                    else [],
                    created_at=self.now - OLDEST - timedelta(hours=20 - place),
                    last_login_at=self.now - timedelta(hours=place * 3),
                    timezone=sign_in.timezone,
                )
                yield user, brand.locales[0]

    def user(self, platform: Platform, locale: Locale) -> tuple[User, Locale]:
        """Return somebody who joined within two years; more of them lately."""
        status = self.pick(STATUSES)
        role = self.pick(ROLES)
        age = OLDEST * self.random.random() ** 1.4
        if status == "pending":
            age /= 20
        created = self.now - timedelta(seconds=int(age.total_seconds()) + 60)
        name = self.names.user(self.random, locale)
        user = User(
            platform_id=platform.id,
            username=name,
            email=self.email(name),
            password_hash=self.password_hash,
            phone=self.phone(locale) if self.random.random() < 0.86 else None,
            company=self.names.company(name, locale),
            role=role,
            status=status,
            permissions=["view"] if role == "staff" else [],
            created_at=created,
            last_login_at=self.last_login(created, status),
            language=locale.language if locale.language in LANGUAGES else None,
        )
        return user, locale

    def last_login(self, created: datetime, status: str) -> datetime | None:
        """Return a moment since the user joined; active users were here lately."""
        if status == "pending" or self.random.random() < 0.07:
            return None
        share = self.random.random() ** (6 if status == "active" else 1.2)
        return self.now - timedelta(seconds=int((self.now - created).total_seconds() * share))

    def plans(self, brand: Brand, platform: Platform, users: list[tuple[User, int]]) -> None:
        """Insert what the platform sells, and what fits the channels of each user."""
        plans = [
            Plan(
                platform_id=platform.id,
                name=offer.name,
                price=offer.price,
                currency=brand.currency,
                interval=offer.interval,
                max_channels=offer.channels,
                max_contacts=offer.contacts,
                max_team_members=offer.team_members,
                features=list(offer.features),
            )
            for offer in brand.plans
        ]
        add_ons = [
            AddOn(
                platform_id=platform.id,
                name=add_on.name,
                price=add_on.price,
                currency=brand.currency,
                channels=add_on.channels,
                contacts=add_on.contacts,
            )
            for add_on in brand.add_ons
        ]
        insert_all(plans)
        insert_all(add_ons)
        subscriptions = []
        for user, channels in users:
            if is_demo(user) or (user.status != "pending" and self.random.random() < 0.85):
                weights = (64, 20, 4, 12) if channels <= 3 else (0, 65, 10, 25)
                plan = plans[1] if is_demo(user) else self.random.choices(plans, weights)[0]
                due = self.now + timedelta(
                    days=self.random.randint(1, 365 if plan.interval == "year" else 30)
                )
                renewing = is_demo(user) or (
                    user.status == "active" and self.random.random() < 0.92
                )
                subscriptions.append(
                    Subscription(
                        user_id=user.id,
                        plan_id=plan.id,
                        renews_at=due if renewing else None,
                        ends_at=None if renewing else due,
                    )
                )
        insert_all(subscriptions)
        insert_rows(
            SubscriptionAddOn,
            (
                {
                    "subscription_id": subscription.id,
                    "add_on_id": add_on.id,
                    "quantity": self.random.choice((1, 2, 3)) if add_on is add_ons[0] else 1,
                }
                for subscription in subscriptions
                for add_on in add_ons
                if self.random.random() < 0.16
            ),
        )

    def channels(self, people: list[tuple[User, Locale]]) -> Counter[int]:
        """Insert WhatsApp numbers, webchats and Instagram accounts; count them by user key."""
        numbers: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        for user, locale in people:
            common = {"user_id": user.id, "platform_id": user.platform_id}
            handle = ascii_handle(user.username)
            places = self.random.sample(("Sales", "Support", "Shop", "Bookings", "Events"), 5)
            numbers += [
                {**common, "phone": self.phone(locale), "name": places[i]}
                for i in range(self.amount(user, (34, 46, 12, 5, 3)))
            ]
            others += [
                {**common, "kind": "webchat", "name": f"{handle}.example, {places[i].lower()}"}
                for i in range(self.amount(user, (52, 38, 10)))
            ]
            others += [
                {**common, "kind": "instagram", "name": f"@{handle}" + "_too" * i}
                for i in range(self.amount(user, (60, 36, 4)))
            ]
        insert_rows(WhatsAppNumber, numbers)
        insert_rows(Channel, others)
        return Counter(row["user_id"] for row in numbers + others)

    def amount(self, user: User, weights: tuple[int, ...]) -> int:
        """Return how many things of a kind a user has: demo users some, pending ones none."""
        if is_demo(user):
            return 2
        if user.status == "pending":
            return 0
        return self.random.choices(range(len(weights)), weights=weights)[0]

    def work(self, brand: Brand, people: list[tuple[User, Locale]]) -> None:
        """Insert team, templates, campaigns, contacts and conversations of users."""
        team: list[dict[str, Any]] = []
        templates: list[dict[str, Any]] = []
        campaigns: list[dict[str, Any]] = []
        contacts: list[tuple[Contact, Locale]] = []
        conversing: list[tuple[Contact, Locale]] = []
        for user, locale in people:
            own = []
            for _ in range(self.amount_of_contacts(user)):
                here = self.random.random() < (0.3 if is_demo(user) else 0.85)
                home = locale if here else self.random.choice(brand.locales)
                own.append((self.contact(user, home), home))
            contacts += own
            conversing += own[: 18 if is_demo(user) else self.random.randint(0, 4)]
            team += [self.team_member(user, locale) for _ in range(self.amount_of_colleagues(user))]
            chosen = self.random.sample(
                sorted(TEMPLATES), 5 if is_demo(user) else self.amount(user, (5, 4, 4, 3, 2, 1))
            )
            templates += [
                {"owner_id": user.id, "name": name, "body": TEMPLATES[name]} for name in chosen
            ]
            amount = 6 if is_demo(user) else self.amount(user, (8, 4, 3, 2, 1, 1))
            campaigns += [self.campaign(user, len(own)) for _ in range(amount)]
        insert_rows(TeamMember, team)
        insert_rows(Template, templates)
        insert_rows(Campaign, campaigns)
        insert_all([contact for contact, _ in contacts])
        self.conversations(conversing)

    def amount_of_contacts(self, user: User) -> int:
        """Return a number with a long tail; below 15 on average."""
        if is_demo(user):
            return self.random.randint(60, 90)
        if user.status == "pending":
            return 0
        return min(int(self.random.expovariate(1 / 14)), 120)

    def amount_of_colleagues(self, user: User) -> int:
        """Return a small number of team members."""
        return 5 if is_demo(user) else self.amount(user, (50, 20, 14, 8, 5, 3))

    def contact(self, user: User, locale: Locale) -> Contact:
        """Return somebody whom the user writes with."""
        name = self.names.person(self.random, locale)
        reachable_by_phone = self.random.random() < 0.9
        return Contact(
            owner_id=user.id,
            name=name,
            phone=self.phone(locale) if reachable_by_phone else None,
            email=self.email(name) if self.random.random() < 0.6 else None,
            tag=self.random.choice(TAGS),
            created_at=self.moment_since(user.created_at),
        )

    def team_member(self, user: User, locale: Locale) -> dict[str, Any]:
        """Return a colleague of the user, as a row."""
        name = self.names.person(self.random, locale)
        return {
            "owner_id": user.id,
            "name": name,
            "email": self.email(name),
            "role": self.random.choice(TEAM_ROLES),
            "joined_at": self.moment_since(user.created_at),
        }

    def campaign(self, user: User, contacts: int) -> dict[str, Any]:
        """Return a campaign of the user, as a row; a scheduled one lies ahead."""
        state = self.random.choice(CAMPAIGN_STATES)
        ahead = timedelta(days=self.random.randint(1, 21), hours=self.random.randint(0, 9))
        return {
            "owner_id": user.id,
            "name": self.random.choice(CAMPAIGNS).format(self.random.randint(2, 40)),
            "state": state,
            "recipients": self.random.randint(1, contacts) if contacts else 0,
            "sends_at": self.now + ahead
            if state == "scheduled"
            else self.moment_since(user.created_at),
        }

    def conversations(self, contacts: list[tuple[Contact, Locale]]) -> None:
        """Insert a conversation with each of the contacts."""
        conversations = []
        dialogues = []
        for contact, locale in contacts:
            language = locale.language if self.random.random() < 0.6 else "en"
            dialogue = self.random.choice(DIALOGUES[language])
            unanswered = len(dialogue) % 2 == 1
            conversations.append(
                Conversation(
                    owner_id=contact.owner_id,
                    contact_id=contact.id,
                    channel=self.random.choice(("whatsapp", "whatsapp", "webchat", "instagram")),
                    preview=dialogue[-1],
                    unread=1 if unanswered and self.random.random() < 0.5 else 0,
                    latest_at=self.moment_since(contact.created_at, lately=4),
                )
            )
            dialogues.append(dialogue)
        insert_all(conversations)
        insert_rows(
            Message,
            (
                {
                    "conversation_id": conversation.id,
                    "outgoing": i % 2 == 1,
                    "body": body,
                    "sent_at": conversation.latest_at
                    - timedelta(minutes=3) * (len(dialogue) - 1 - i),
                }
                for conversation, dialogue in zip(conversations, dialogues, strict=True)
                for i, body in enumerate(dialogue)
            ),
        )

    def moment_since(self, start: datetime, *, lately: float = 1) -> datetime:
        """Return a moment between `start` and now; the larger `lately`, the nearer to now."""
        share = self.random.random() ** lately
        return self.now - timedelta(seconds=int((self.now - start).total_seconds() * share))

    def pick(self, weights: dict[str, int]) -> str:
        """Return one of the keys, each as likely as its weight says."""
        return self.random.choices([*weights], weights=[*weights.values()])[0]

    def phone(self, locale: Locale) -> str:
        """Return a phone number of the country."""
        return re.sub("#", lambda _: str(self.random.randint(0, 9)), locale.phone)

    def email(self, name: str) -> str:
        """Return an ASCII email that nobody else has."""
        handle, domain = ascii_handle(name), self.random.choice(DOMAINS)
        self.emails[handle, domain] += 1
        namesakes = self.emails[handle, domain] - 1
        return f"{handle}.{namesakes + 1}@{domain}" if namesakes else f"{handle}@{domain}"


class Names:
    """Names of each locale, drawn once in advance: Faker is slow, and chance stays ours."""

    def __init__(self) -> None:
        """Nothing is drawn until a locale is asked for."""
        self.stock: dict[str, tuple[list[str], list[str]]] = {}

    def person(self, chance: random.Random, locale: Locale) -> str:
        """Return a full name as it is written where the person lives."""
        first_names, last_names = self._of(locale)
        first, last = chance.choice(first_names), chance.choice(last_names)
        if not locale.family_name_first:
            return f"{first} {last}"
        return f"{last} {first}" if locale.language == "ja" else last + first

    def user(self, chance: random.Random, locale: Locale) -> str:
        """Return what a user calls the account: mostly the own name, else a company or handle."""
        name = self.person(chance, locale)
        kind = chance.random()
        last = chance.choice(self._of(locale)[1])
        if kind < 0.18 and locale.language in COMPANIES:
            return chance.choice(COMPANIES[locale.language]).format(last)
        if kind > 0.9:
            return f"{ascii_handle(name)}{chance.randint(1, 99)}"
        return name

    def company(self, user: str, locale: Locale) -> str | None:
        """Return where somebody works, the same for the same name; some work for themselves."""
        chance = random.Random(user)
        if chance.random() < 0.25:
            return None
        pattern = chance.choice(COMPANIES.get(locale.language, COMPANIES["en"]))
        return pattern.format(chance.choice(self._of(locale)[1]))

    def _of(self, locale: Locale) -> tuple[list[str], list[str]]:
        if locale.name not in self.stock:
            faker = Faker(locale.name)
            faker.seed_instance(len(self.stock))
            self.stock[locale.name] = (
                [faker.first_name() for _ in range(120)],
                [faker.last_name() for _ in range(160)],
            )
        return self.stock[locale.name]


def ascii_handle(name: str) -> str:
    """Return the name in lower-case ASCII letters, words joined by a dot."""
    return ".".join(re.findall("[a-z0-9]+", unidecode(name).lower()))[:40].strip(".") or "someone"


def is_demo(user: User) -> bool:
    """Whether the account is one that everyone may sign in to."""
    return any(user.email == sign_in.email for sign_in in demo.SIGN_INS)


def insert_all(rows: Iterable[Model]) -> None:
    """Insert rows whose keys others need."""
    db.session.add_all(rows)
    db.session.flush()


def insert_rows(model: type[Model], rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows that nothing refers to."""
    values = list(rows)
    if values:
        db.session.execute(insert(model), values)
