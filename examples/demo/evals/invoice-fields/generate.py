"""Writes tasks.jsonl: questions about made-up invoices. Run it again after a change; the seed is fixed."""

import json
import random
from datetime import date, timedelta
from pathlib import Path

TASKS = 150
MISSING = "n/a"
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}
SUPPLIERS = [
    "Northwind GmbH",
    "Kessler & Sons",
    "Blue Harbour Ltd",
    "Atelier Morel",
    "Sandvik Tools AB",
    "Polar Print Co",
]
CUSTOMERS = [
    "Anna Becker Studio",
    "Hotel Lindenhof",
    "Greenfield School",
    "Marlow Dental",
    "City Library",
    "Oak & Iron",
]
PEOPLE = ["Lena Fischer", "Tom Okafor", "Maria Rossi", "Jonas Berg", "Priya Nair", "Sam Whitfield"]
TERMS = ["30 days net", "14 days, 2% discount", "on receipt", "60 days net"]
# field -> the label on the invoice, and ways to ask for it
FIELDS = {
    "supplier": ("Supplier", ["Who is the supplier?", "Which supplier sent this invoice?"]),
    "customer": ("Customer", ["Who is the customer?", "Which customer is billed?"]),
    "number": ("Invoice number", ["What is the invoice number?", "Which invoice number does it have?"]),
    "contact": ("Contact person", ["Who is the contact person?", "Which contact person is named?"]),
    "terms": ("Payment terms", ["What are the payment terms?", "Which payment terms apply?"]),
    "order": ("Purchase order", ["What is the purchase order?", "Which purchase order does it refer to?"]),
    "issued": ("Invoice date", ["What is the invoice date?", "What is the date of the invoice?"]),
    "due": ("Due date", ["When is it due?", "What is the due date?"]),
    "delivered": ("Delivery date", ["What is the delivery date?", "Which delivery date is given?"]),
    "net": ("Net amount", ["What is the net amount?", "How much is the net amount?"]),
    "vat": ("VAT", ["How much VAT is charged?", "What is the VAT?"]),
    "total": ("Total amount", ["What is the total amount?", "How much is the total amount?"]),
    "shipping": ("Shipping cost", ["What is the shipping cost?", "How much is the shipping cost?"]),
}
OPTIONAL = ["contact", "order", "delivered", "shipping"]


def spoken(day: date, style: int) -> str:
    """A date as people write it."""
    month = f"{day:%B}"
    return [f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}", f"{day:%d %b %Y}"][style]


def money(cents: int, currency: str, style: int) -> str:
    """An amount as invoices show it."""
    number = f"{cents / 100:,.2f}"
    return [f"{SYMBOLS[currency]}{number}", f"{currency} {number}", f"{number} {currency}"][style]


def invoice(luck: random.Random) -> tuple[dict[str, str], dict[str, str]]:
    """(what the invoice shows, what the right answer is), by field."""
    currency, date_style, money_style = luck.choice(list(SYMBOLS)), luck.randrange(3), luck.randrange(3)
    day = date(2025, 1, 1) + timedelta(days=luck.randrange(500))
    net = luck.randrange(90_000, 990_000)
    days = {"issued": day, "due": day + timedelta(days=30), "delivered": day - timedelta(days=luck.randrange(2, 20))}
    amounts = {
        "net": net,
        "vat": net * 19 // 100,
        "total": net + net * 19 // 100,
        "shipping": luck.randrange(500, 9_900),
    }
    shown = {
        "supplier": luck.choice(SUPPLIERS),
        "number": f"INV-{luck.randrange(1000, 9999)}",
        "customer": luck.choice(CUSTOMERS),
        "contact": luck.choice(PEOPLE),
        "terms": luck.choice(TERMS),
        "order": f"PO-{luck.randrange(10_000, 99_999)}",
    }
    right = dict(shown)
    for field, value in days.items():
        shown[field], right[field] = spoken(value, date_style), value.isoformat()
    for field, cents in amounts.items():
        shown[field], right[field] = money(cents, currency, money_style), f"{cents / 100:.2f} {currency}"
    return shown, right


def task(number: int) -> dict[str, object]:
    """One question about one invoice."""
    luck = random.Random(f"invoice {number}")
    shown, right = invoice(luck)
    kind = ["text", "date", "amount", "text", "date", "amount", "text", "missing"][number % 8]
    field = luck.choice(
        {
            "text": ["supplier", "customer", "number", "contact", "terms"],
            "date": ["issued", "due", "delivered"],
            "amount": ["net", "vat", "total", "shipping"],
            "missing": OPTIONAL,
        }[kind]
    )
    gone = {f for f in OPTIONAL if f != field and luck.random() < 0.4} | ({field} if kind == "missing" else set())
    lines = [f"{FIELDS[f][0]}: {value}" for f, value in shown.items() if f not in gone]
    head, rest = lines[:2], lines[2:]
    luck.shuffle(rest)
    return {
        "id": f"invoice-{number:03d}",
        "prompt": luck.choice(FIELDS[field][1]),
        "context": "\n".join(["INVOICE", *head, *rest]),
        "expected": MISSING if kind == "missing" else right[field],
        "tags": [kind],
    }


def main() -> None:
    """Write the file beside this script."""
    rows = [json.dumps(task(n), ensure_ascii=False) for n in range(1, TASKS + 1)]
    Path(__file__).with_name("tasks.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
