"""How lines are read: what people paste, and what spreadsheets write."""

import pytest

from dashboard.mass_lines import read_lines


def drafts(text):
    return [
        (line.number, line.draft.service_id, line.draft.link, line.draft.quantity) if line.draft else line.problem
        for line in read_lines(text)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1042|https://a.b/c|1000", (1, 1042, "https://a.b/c", 1000)),
        ("  #1042 | https://a.b/c | 1000  ", (1, 1042, "https://a.b/c", 1000)),
        ("1042\thttps://a.b/c\t1000", (1, 1042, "https://a.b/c", 1000)),
        ("1042,https://a.b/c,1000", (1, 1042, "https://a.b/c", 1000)),
        ("1042;https://a.b/c;1000", (1, 1042, "https://a.b/c", 1000)),
        ('"1042","https://a.b/c","1000"', (1, 1042, "https://a.b/c", 1000)),
        ('1042,"https://a.b/c?x=1,2",1000', (1, 1042, "https://a.b/c?x=1,2", 1000)),
        ("1042,https://a.b/c?x=1,2,1000", (1, 1042, "https://a.b/c?x=1,2", 1000)),
        ("1042|https://a.b/c?x=1|2|1000", (1, 1042, "https://a.b/c?x=1|2", 1000)),
        ("1042|https://a.b/c,d;e|1000", (1, 1042, "https://a.b/c,d;e", 1000)),
        ("1042,https://a.b/c,1000,,", (1, 1042, "https://a.b/c", 1000)),
        ("1042|@someone|0", (1, 1042, "@someone", 0)),
        ('1042|say "hi"|5', (1, 1042, 'say "hi"', 5)),
    ],
)
def test_reads_a_line(text, expected):
    assert drafts(text) == [expected]


def test_numbers_lines_as_editors_do():
    text = "\r\n1|a|10\r\n\n   \n2|b|20\r3|c|30\n|||\n,,\n"

    assert drafts(text) == [(2, 1, "a", 10), (5, 2, "b", 20), (6, 3, "c", 30)]


@pytest.mark.parametrize(
    "head", ["service,link,quantity", "Service ID,URL,Qty", '"Service","Link","Quantity"', "id;link;amount"]
)
def test_leaves_a_head_out(head):
    separator = ";" if ";" in head else ","
    assert drafts(f"{head}\n7{separator}https://a.b{separator}100") == [(2, 7, "https://a.b", 100)]


def test_a_head_may_order_the_columns():
    text = "Quantity,Note,Link,Service\n100,x,https://a.b,7\n200,,https://c.d,8,extra"

    assert drafts(text) == [(2, 7, "https://a.b", 100), (3, 8, "https://c.d", 200)]


def test_a_head_elsewhere_is_a_mistake():
    assert drafts("7|a|1\nservice|link|quantity")[1] == "“service” is no service ID."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hello", "Write three parts: service|link|quantity."),
        ("1042|https://a.b", "Write three parts: service|link|quantity."),
        ("x|https://a.b|100", "“x” is no service ID."),
        ("-5|https://a.b|100", "“-5” is no service ID."),
        ("1042||100", "The link is missing."),
        ("1042|https://a.b|", "The quantity is missing."),
        ("1042|https://a.b|1.000", "“1.000” is no quantity. Write a whole number without separators, like 1000."),
        ("1042|https://a.b|-1", "“-1” is no quantity. Write a whole number without separators, like 1000."),
        ("1042|https://a.b|1e3", "“1e3” is no quantity. Write a whole number without separators, like 1000."),
        ("1042|https://a.b|١٠٠", "“١٠٠” is no quantity. Write a whole number without separators, like 1000."),
        ("1042|" + "x" * 2049 + "|100", "The link is too long: at most 2048 characters."),
        ("9" * 5000 + "|a|1", "“" + "9" * 40 + "…” is no service ID."),
        ('1042|"' + "x" * 200_000 + '"|1', "The link is too long: at most 2048 characters."),
        ("1042,https://a.b", "Write three parts: service|link|quantity."),
    ],
)
def test_says_what_is_wrong_with_a_line(text, problem):
    assert drafts(text) == [problem]
