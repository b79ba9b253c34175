"""Everything clients are known to send, line by line of the protocol's table; and what nobody should."""

import json

import pytest
from django.test import Client

from orders.models import Order
from tests.fixtures import LINK, balance_of, call_api, funded, key_of, nothing_moves, place, post_api, refused_api

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"
BALANCE = {"balance": "10.00000", "currency": "USD"}
MEGABYTE = 1024 * 1024


@pytest.fixture
def buyer(customer):
    return funded(customer, "10")


@pytest.fixture
def order_ids(buyer, followers):
    """Three orders."""
    return [place(buyer, followers, quantity=50) for _ in range(3)]


def send(body, content_type=FORM, **extra):
    response = post_api(body, content_type=content_type, **extra)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    return response.json()


def refusal(detail):
    return {"error": "Incorrect request", "detail": detail}


class TestForms:
    @pytest.mark.parametrize(
        "content_type",
        [
            FORM,
            f"{FORM}; charset=utf-8",
            f"{FORM}; charset=UTF-8",
            f"{FORM};charset=windows-1251",
            FORM.upper(),
            "text/plain",
            "application/octet-stream",
            "nonsense",
            "",
        ],
    )
    def test_takes_any_content_type(self, buyer, content_type):
        assert send(f"key={key_of(buyer)}&action=balance", content_type) == BALANCE

    def test_takes_multipart(self, buyer, followers):
        answer = post_api({"key": key_of(buyer), "action": "add", "service": 1042, "link": LINK, "quantity": "1000"})

        assert answer.wsgi_request.content_type == "multipart/form-data"
        assert answer.json() == {"order": Order.objects.get().pk}

    def test_ignores_unknown_parameters(self, buyer):
        assert call_api(buyer, action="balance", colour="blue", api="v2", x="1" * 1000) == BALANCE

    def test_the_last_of_repeated_names_counts(self, buyer):
        assert send(f"key=x&key={key_of(buyer)}&action=services&action=balance") == BALANCE

    def test_reads_utf8_and_percent_and_plus(self, buyer, followers):
        body = f"key={key_of(buyer)}&action=add&service=1042&quantity=50&link=%C3%BC+%2B%26é"
        answer = send(body.encode())

        assert Order.objects.get(pk=answer["order"]).link == "ü +&é"

    @pytest.mark.parametrize("blank", ["&&", "&=", "&novalue", "&=x"])
    def test_passes_over_odd_pairs(self, buyer, blank):
        assert send(f"key={key_of(buyer)}{blank}&action=balance{blank}") == BALANCE

    def test_refuses_an_empty_body(self, usd):
        assert send("") == {"error": "Invalid API key"}


class TestJson:
    def test_takes_numbers_and_lists(self, buyer, order_ids):
        first, second, _ = order_ids
        body = {"key": key_of(buyer), "action": "status", "orders": [first, str(second)]}

        assert list(send(body, "application/json")) == [str(first), str(second)]

    def test_takes_numbers_for_an_order(self, buyer, followers):
        body = {"key": key_of(buyer), "action": "add", "service": 1042, "link": LINK, "quantity": 1000.0}

        answer = send({**body, "runs": None, "interval": None}, "application/json; charset=utf-8")

        assert Order.objects.get(pk=answer["order"]).quantity == 1000

    def test_takes_it_under_any_content_type(self, buyer):
        body = json.dumps({"key": key_of(buyer), "action": "balance"})

        assert send(body, FORM) == send(f"  \n{body}", "text/plain") == BALANCE

    def test_takes_comments_as_text_or_list(self, buyer, make_service):
        make_service(id=1, type="Custom Comments", min=1)
        body = {"key": key_of(buyer), "action": "add", "service": 1, "link": LINK}

        for comments in ["one\r\ntwo", ["one", "two"], [" one ", "", "two\n"], ["one\ntwo"]]:
            answer = send({**body, "comments": comments}, "application/json")
            order = Order.objects.get(pk=answer["order"])
            assert (order.parameters, order.quantity) == ({"comments": ["one", "two"]}, 2)

    @pytest.mark.parametrize("body", ["{", '{"key": }', "{'key': 'x'}", '{"key": "x"} trailing', "{}}"])
    def test_refuses_broken_json(self, usd, body):
        assert send(body, "application/json") == refusal("The body is not valid JSON.")

    @pytest.mark.parametrize("body", ["[]", "null", "1", '"key"', '[{"key": "x"}]'])
    def test_refuses_json_that_is_no_object(self, usd, body):
        assert send(body, "application/json") == refusal("The JSON body must be an object.")

    @pytest.mark.parametrize("value", [{"id": 1}, [[1]], [{"id": 1}]])
    def test_refuses_nested_values(self, buyer, value):
        body = {"key": key_of(buyer), "action": "status", "orders": value}

        assert send(body, "application/json") == refusal(
            "Values in a JSON body must be text, numbers or lists of these."
        )

    def test_refuses_depths_that_exhaust_a_parser(self, usd):
        assert send("[" * 100_000, "application/json") == refusal("The body is not valid JSON.")
        assert send('{"a":' * 100_000, "application/json") == refusal("The body is not valid JSON.")

    def test_reads_booleans_and_null(self, buyer, followers):
        body = {"key": key_of(buyer), "action": "services"}

        assert len(send({**body, "extras": True}, "application/json")[0]) == 12
        assert len(send({**body, "extras": False}, "application/json")[0]) == 9
        assert len(send({**body, "extras": None}, "application/json")[0]) == 9


class TestMethods:
    USE_POST = refusal("Use POST: a key in an address ends up in logs.")

    @pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options", "head", "trace"])
    @pytest.mark.parametrize("path", ["/api/v2", "/api/v2/"])
    def test_refuses_all_but_post(self, buyer, method, path):
        response = getattr(Client(), method)(f"{path}?key={key_of(buyer)}&action=balance")

        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/json"
        if method != "head":
            assert response.json() == self.USE_POST

    def test_a_post_takes_nothing_from_the_address(self, buyer):
        response = Client().post(f"/api/v2?key={key_of(buyer)}&action=balance")

        assert response.json() == {"error": "Invalid API key"}

    class TestGetAllowed:
        """`API_V2_ALLOW_GET=1`, for owners with old clients."""

        @pytest.fixture(autouse=True)
        def allow(self, settings):
            settings.API_V2_ALLOW_GET = True

        def get(self, user, **params):
            response = Client().get("/api/v2", {"key": key_of(user), **params})
            assert response.status_code == 200
            return response.json()

        def test_takes_reading_actions(self, buyer, order_ids):
            assert self.get(buyer, action="balance")["currency"] == "USD"
            assert len(self.get(buyer, action="services")) == 1
            assert self.get(buyer, action="status", order=order_ids[0])["status"] == "Pending"
            assert self.get(buyer, action="refill_status", refill=1) == {"error": "Refill not found"}

        def test_takes_lists(self, buyer, order_ids):
            answer = self.get(buyer, **{"action": "status", "orders[]": order_ids})

            assert list(answer) == [str(order_id) for order_id in order_ids]

        @pytest.mark.parametrize("action", ["add", "cancel", "refill"])
        def test_refuses_actions_that_change(self, buyer, order_ids, action):
            with nothing_moves():
                answer = self.get(buyer, action=action, service=1042, link=LINK, quantity=1000, order=order_ids[0])

            assert answer == refusal(f"Use POST for '{action}'.")

        def test_refuses_more_fields_than_anybody_sends(self, buyer):
            query = "&".join(f"f{number}=1" for number in range(1001))

            assert Client().get(f"/api/v2?{query}").json() == refusal("The request cannot be read.")

        def test_still_takes_post(self, buyer):
            assert call_api(buyer, action="balance") == BALANCE


class TestAddresses:
    @pytest.mark.parametrize("path", ["/api/v2", "/api/v2/"])
    def test_both_are_served_without_redirect(self, buyer, settings, path):
        settings.SECURE_SSL_REDIRECT = True
        settings.APPEND_SLASH = True

        response = Client().post(path, {"key": key_of(buyer), "action": "balance"})

        assert (response.status_code, response.json()) == (200, BALANCE)

    @pytest.mark.parametrize("method", ["get", "post", "put", "head"])
    @pytest.mark.parametrize(
        "path", ["/api/v2/x", "/api/v2/balance", "/api/v2//", "/api/v2/../v2", "/api/v2/index.php"]
    )
    def test_others_below_are_json_too(self, usd, path, method):
        response = getattr(Client(), method)(path)

        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/json"
        if method != "head":
            assert response.json() == refusal("There is one address: POST /api/v2.")

    def test_answers_under_any_host_name(self, buyer, settings):
        settings.ALLOWED_HOSTS = ["panel.example.com"]

        response = post_api({"key": key_of(buyer), "action": "balance"}, headers={"host": "10.0.0.1"})

        assert response.json() == BALANCE

    def test_asks_for_no_csrf_token(self, buyer):
        response = Client(enforce_csrf_checks=True).post("/api/v2", {"key": key_of(buyer), "action": "balance"})

        assert response.json() == BALANCE

    def test_sets_no_cookie_and_is_not_cached(self, buyer):
        response = post_api({"key": key_of(buyer), "action": "balance"})

        assert not response.cookies
        assert response.headers["Cache-Control"] == "no-store"


class TestNumbers:
    @pytest.mark.parametrize(
        "written", ["1000", " 1000 ", "1000.0", "1000.", "1000.000000", "1e3", "1E3", "1e+3", "1.0e+03", "0001000"]
    )
    def test_takes_whole_numbers(self, buyer, followers, written):
        place(buyer, followers, quantity=written)

        assert Order.objects.get().quantity == 1000

    def test_takes_exponents_whose_plus_became_a_space(self, buyer, followers):
        """A form decodes an unescaped plus as a space."""
        send(f"key={key_of(buyer)}&action=add&service=1042&link=x&quantity=1.0e+03")

        assert Order.objects.get().quantity == 1000

    @pytest.mark.parametrize(
        "written",
        [
            "１０００",
            "1_000",
            "1,000",
            "1 000",
            "1000.5",
            "1e-3",
            "1e",
            "e3",
            "0x3e8",
            "-1000",
            "+1000",
            "1000 units",
            "NaN",
            "Infinity",
            "1e99",
            "1" * 19,
            "²",
            "٣",
            ".",
            ".5",
            "1000\u00a0x",
        ],
    )
    def test_refuses_what_is_none(self, buyer, followers, written):
        assert refused_api(buyer, action="add", service=1042, link=LINK, quantity=written) == refusal(
            "'quantity' must be a whole number."
        )

    def test_takes_order_ids_as_spreadsheets_write_them(self, buyer, followers):
        order_id = place(buyer, followers)

        for written in [f"{order_id}.0", f" {order_id} ", f"{order_id:.6e}", f"0{order_id}"]:
            assert call_api(buyer, action="status", order=written)["status"] == "Pending"
            assert list(call_api(buyer, action="status", orders=written)) == [str(order_id)]


class TestAbsent:
    @pytest.mark.parametrize("nothing", ["", "  ", "undefined", "null", "None", "0"])
    def test_optional_fields(self, buyer, followers, nothing):
        order_id = place(buyer, followers, runs=nothing, interval=nothing, comments=nothing)

        order = Order.objects.get(pk=order_id)
        assert (order.run_count, order.interval_minutes, order.parameters) == (1, None, {})

    @pytest.mark.parametrize("nothing", ["", "  ", "undefined", "null", "None"])
    def test_orders_beside_order(self, buyer, order_ids, nothing):
        answer = call_api(buyer, action="status", order=order_ids[0], orders=nothing)

        assert answer["status"] == "Pending"

    @pytest.mark.parametrize("nothing", ["", " , ,", "undefined", "null", "None"])
    def test_ids_that_are_none_at_all(self, buyer, nothing):
        for name in ("order", "orders"):
            assert refused_api(buyer, **{"action": "status", name: nothing}) == refusal(
                "'order' or 'orders' is missing."
            )


class TestBatches:
    def keys(self, user, **params):
        return list(call_api(user, action="status", **params))

    def test_takes_every_way_to_write_a_list(self, buyer, order_ids):
        first, second, third = map(str, order_ids)
        key = f"key={key_of(buyer)}&action=status"

        for body in [
            f"orders={first},{second},{third}",
            f"orders=%20{first}%20,%20{second}%0A,{third}%20",
            f"orders=,{first},,{second},{third},",
            f"orders[]={first}&orders[]={second}&orders[]={third}",
            f"orders%5B%5D={first}&orders%5B%5D={second}&orders%5B%5D={third}",
            f"orders[0]={first}&orders[1]={second}&orders[2]={third}",
            f"orders[]={first},{second}&orders[]={third}",
            f"order={first},{second},{third}",
            f"order[]={first}&order[]={second}&order[]={third}",
        ]:
            assert list(send(f"{key}&{body}")) == [first, second, third], body

    def test_answers_each_id_once(self, buyer, order_ids):
        first, second, _ = order_ids

        assert self.keys(buyer, orders=f"{first},{second},{first},0{first},{first}.0") == [str(first), str(second)]

    def test_acts_on_each_id_once(self, buyer, order_ids):
        answer = call_api(buyer, action="cancel", orders=f"{order_ids[0]},{order_ids[0]}")

        assert answer == [{"order": order_ids[0], "cancel": 1}]

    def test_one_id_in_orders_keeps_the_keyed_shape(self, buyer, order_ids):
        for written in (f"{order_ids[0]}", f"{order_ids[0]},", f"{order_ids[0]},{order_ids[0]}"):
            assert self.keys(buyer, orders=written) == [str(order_ids[0])]

    def test_one_id_in_order_keeps_the_single_shape(self, buyer, order_ids):
        assert "charge" in call_api(buyer, action="status", order=order_ids[0])
        assert "charge" in call_api(buyer, action="status", order=f"{order_ids[0]},")

    def test_orders_wins_over_order(self, buyer, order_ids):
        assert self.keys(buyer, order=order_ids[0], orders=order_ids[1]) == [str(order_ids[1])]

    def test_takes_a_hundred(self, buyer, order_ids):
        ids = ",".join(map(str, range(order_ids[0], order_ids[0] + 100)))

        assert len(self.keys(buyer, orders=ids)) == 100
        assert len(self.keys(buyer, orders=f"{ids},{ids},{ids}")) == 100

    @pytest.mark.parametrize("action", ["status", "cancel", "refill"])
    @pytest.mark.parametrize("name", ["order", "orders"])
    def test_refuses_more_and_changes_nothing(self, buyer, order_ids, action, name):
        ids = ",".join(map(str, range(order_ids[0], order_ids[0] + 101)))

        assert refused_api(buyer, **{"action": action, name: ids}) == refusal("At most 100 ids in one call.")

    def test_refuses_more_refills(self, buyer):
        ids = ",".join(map(str, range(1, 102)))

        assert refused_api(buyer, action="refill_status", refills=ids) == refusal("At most 100 ids in one call.")

    def test_refuses_ids_that_are_no_numbers_under_their_own_text(self, buyer, order_ids):
        unknown = {"error": "Incorrect order ID"}

        answer = call_api(buyer, action="status", orders=f'{order_ids[0]}, x y ,１２３,1_0,-5,é"\\,{"9" * 40}')

        assert list(answer) == [str(order_ids[0]), "x y", "１２３", "1_0", "-5", 'é"\\', "9" * 40]
        assert all(answer[label] == unknown for label in list(answer)[1:])


class TestHostile:
    """Bytes that no client sends on purpose reach neither the database nor a crash."""

    @pytest.mark.parametrize("name", ["key", "action", "link", "comments", "orders", "x"])
    def test_refuses_nul_bytes(self, buyer, followers, name):
        params = {"key": key_of(buyer), "action": "add", "service": "1042", "link": LINK, "quantity": "1000"}
        with nothing_moves():
            form = send("&".join(f"{k}={v}" for k, v in params.items()) + f"&{name}=a%00b")
            multipart = post_api({**params, name: "a\x00b"}).json()
            as_json = send({**params, name: "a\x00b"}, "application/json")

        assert form == multipart == as_json == refusal("NUL bytes are not allowed.")

    def test_refuses_nul_bytes_in_names(self, usd):
        assert send("a%00b=1") == refusal("NUL bytes are not allowed.")

    @pytest.mark.parametrize("link", [b"%ED%A0%80", b"\xed\xa0\x80", b"%FF%FE", b"\xff", b"%C3", b"%C0%80"])
    def test_refuses_bytes_that_are_no_utf8(self, buyer, followers, link):
        with nothing_moves():
            body = b"key=%s&action=add&service=1042&quantity=1000&link=" % key_of(buyer).encode()
            assert send(body + link) == refusal("The body is not a form.")

    def test_refuses_lone_surrogates_in_json(self, buyer, followers):
        params = {"key": key_of(buyer), "action": "add", "service": 1042, "quantity": 1000, "link": "\ud800"}
        body = json.dumps(params)  # escapes the surrogate
        with nothing_moves():
            assert send(body, "application/json") == refusal("The body is not valid JSON.")

    @pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "base64", "utf-16", "idna", "nonsense"])
    def test_multipart_is_utf8_whatever_it_says(self, buyer, followers, charset):
        """Some of Python's codecs decode to lone surrogates, or decode no text at all."""
        fields = {"key": key_of(buyer), "action": "add", "service": "1042", "quantity": "1000", "link": "+2AA-\\ud800"}
        body = "".join(
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
        )

        # The test client's own `post` would encode the body in that charset.
        response = Client().generic(
            "POST", "/api/v2", f"{body}--x--\r\n", f"multipart/form-data; boundary=x; charset={charset}"
        )

        assert Order.objects.get(pk=response.json()["order"]).link == "+2AA-\\ud800"

    @pytest.mark.parametrize(
        "content_type",
        ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 300],
    )
    def test_refuses_multipart_without_a_usable_boundary(self, usd, content_type):
        assert send("--x\r\n\r\n--x--", content_type) == refusal("The request cannot be read.")

    @pytest.mark.parametrize(
        "content_type", [FORM, "application/json", "text/plain", "multipart/form-data; boundary=x"]
    )
    def test_refuses_megabytes(self, buyer, followers, content_type):
        with nothing_moves():
            body = f"key={key_of(buyer)}&action=balance&x=".encode().ljust(MEGABYTE + 1, b"x")
            assert send(body, content_type) == refusal("The request is too large.")

    def test_takes_a_megabyte(self, buyer):
        body = f"key={key_of(buyer)}&action=balance&x=".encode().ljust(MEGABYTE, b"x")

        assert send(body) == BALANCE

    def test_refuses_megabytes_of_files(self, buyer):
        """Django's limit does not count files."""
        head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
        body = head + b"x" * 2 * MEGABYTE + b"\r\n--x--\r\n"

        assert send(body, "multipart/form-data; boundary=x") == refusal("The request is too large.")

    def test_refuses_thousands_of_fields(self, buyer):
        many = "&".join(f"f{number}=1" for number in range(1001))

        assert send(f"key={key_of(buyer)}&action=balance&{many}") == refusal("The body is not a form.")

    def test_sql_is_text(self, buyer, followers):
        words = "'; DROP TABLE orders_order; -- %s %(x)s {} {0}"
        order_id = place(buyer, followers, link=words)

        assert Order.objects.get(pk=order_id).link == words
        assert call_api(buyer, action="status", order=words) == {"error": "Incorrect order ID"}

    def test_html_stays_text(self, buyer):
        answer = call_api(buyer, action="cancel", orders="<script>alert(1)</script>")

        assert answer[0]["order"] == "<script>alert(1)</script>"
        assert post_api({"key": key_of(buyer), "action": "x"}).headers["X-Content-Type-Options"] == "nosniff"

    def test_long_comments_within_the_limit_are_taken(self, buyer, make_service):
        make_service(id=1, type="Custom Comments", min=1)
        comments = "\n".join("x" * 500 for _ in range(1000))

        answer = call_api(buyer, action="add", service=1, link=LINK, comments=comments)

        assert Order.objects.get(pk=answer["order"]).quantity == 1000
        assert str(balance_of(buyer)) == "9.15000"
