"""TRUSTED_PROXIES: the client's real address, behind a real nginx, and nobody can choose his own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.addresses import client_address

ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40, "feature_5": 5}
FORGED = {"X-Forwarded-For": "198.51.100.7", "X-Real-IP": "198.51.100.7", "Forwarded": "for=198.51.100.7"}
PASS = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"


def seen(client, capfd):
    line = [line for line in capfd.readouterr().out.splitlines() if '"event":"request"' in line][-1]
    return line.split('"client_ip":"')[1].split('"')[0]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        ("0", "198.51.100.7", "127.0.0.1"),
        ("1", "198.51.100.7, 192.0.2.1", "192.0.2.1"),
        ("2", "198.51.100.7, 192.0.2.1, 10.0.0.1", "192.0.2.1"),
        ("2", "192.0.2.1", "127.0.0.1"),
        ("1", "", "127.0.0.1"),
        ("1", "2001:db8::1", "2001:db8::1"),
        ("1", "192.0.2.1:567", "192.0.2.1"),
        ("1", "[2001:db8::1]:567", "2001:db8::1"),
        ("1", '"[2001:db8::1]:567"', "2001:db8::1"),
        ("1", "[2001:db8::1]", "2001:db8::1"),
        ("1", " \t192.0.2.1 \t", "192.0.2.1"),
        ("1", "::ffff:192.0.2.1", "192.0.2.1"),
        ("1", "[::ffff:192.0.2.1]:567", "192.0.2.1"),
        ("1", "2001:DB8:0::1", "2001:db8::1"),
        ("1", "fe80::1%eth0", "fe80::1"),
        ("1", '"198.51.100.7, 192.0.2.1', "192.0.2.1"),
        ("2", '"198.51.100.7, 192.0.2.1:1, 10.0.0.1', "192.0.2.1"),
        ("1", "unknown", "127.0.0.1"),
        ("1", "192.0.2.1:567:8", "127.0.0.1"),
        ("1", "[2001:db8::1", "127.0.0.1"),
        ("1", "[2001:db8::1]567", "127.0.0.1"),
        ("1", "192.0.2.1,", "127.0.0.1"),
        ("1", "1" * 4000, "127.0.0.1"),
        ("1", ":" * 4000, "127.0.0.1"),
    ],
)
def test_the_address_is_what_the_last_trusted_proxy_saw(make_client, capfd, proxies, forwarded, address):
    client = make_client(TRUSTED_PROXIES=proxies)
    client.get("/health/live", headers={"X-Forwarded-For": forwarded} if forwarded else {})
    assert seen(client, capfd) == address


@pytest.mark.parametrize("peer", ["::ffff:192.0.2.1", "192.0.2.1"])
def test_an_ipv4_client_of_an_ipv6_socket_is_logged_and_counted_as_ipv4(make_client, capfd, peer):
    client = make_client(RATE_LIMIT="1/hour")
    for status, address in ((200, peer), (429, "192.0.2.1")):
        answer = client.post("/predict", json=ROW, environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == status
        assert seen(client, capfd) == "192.0.2.1"


def test_a_new_port_is_no_new_client(make_client):
    client = make_client(TRUSTED_PROXIES="1", RATE_LIMIT="2/hour")
    forms = ("192.0.2.1:1", "192.0.2.1:2", '"192.0.2.1:3"', "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:5", "192.0.2.1")
    statuses = [client.post("/predict", json=ROW, headers={"X-Forwarded-For": form}).status_code for form in forms]
    assert statuses == [200, 200, 429, 429, 429, 429]


@given(st.ip_addresses(), st.integers(0, 65535), st.text(max_size=80))
def test_whatever_a_client_writes_before_it_the_proxys_entry_is_found_in_each_form(address, port, written):
    number = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    forms = {client_address("peer", f"{written},{form}", 1) for form in (str(address), number, f'"{number}"')}
    mapped = address.ipv4_mapped if address.version == 6 else None
    assert forms == {str(mapped or address).partition("%")[0]}


@pytest.mark.process
def test_behind_nginx_the_real_client_is_logged_and_limited_whatever_it_claims(serve, nginx):
    server = serve(TRUSTED_PROXIES="1", RATE_LIMIT="2/hour")
    # Two sites before one service, called from two addresses of this machine.
    proxy = nginx(f"location / {{ {PASS} proxy_pass {server.url}; }}")
    statuses = []
    for number in range(3):
        front = type(server)(server.process, f"http://127.0.0.1:{proxy.port}", server.log_file)
        forged = FORGED | {"X-Forwarded-For": f"198.51.100.{number}"}
        statuses.append(front.ask("/predict", ROW, forged)[0])
    assert statuses == [200, 200, 429], "a forged address got a limit of its own"
    assert {line["client_ip"] for line in server.events("prediction_made")} == {"127.0.0.1"}


@pytest.mark.process
def test_behind_two_nginxes_the_first_ones_word_counts(serve, nginx):
    server = serve(TRUSTED_PROXIES="2")
    inner = nginx(f"location / {{ {PASS} proxy_pass {server.url}; }}")
    # The outer one calls from another address, so that the log can tell the two apart.
    outer = nginx(f"location / {{ {PASS} proxy_bind 127.0.0.9; proxy_pass http://127.0.0.1:{inner.port}; }}")
    front = type(server)(server.process, f"http://127.0.0.1:{outer.port}", server.log_file)
    assert front.ask("/predict", ROW, FORGED)[0] == 200
    assert server.events("prediction_made")[-1]["client_ip"] == "127.0.0.1"


@pytest.mark.process
def test_without_trust_the_proxy_itself_is_the_client(serve, nginx):
    server = serve()
    proxy = nginx(f"location / {{ {PASS} proxy_bind 127.0.0.9; proxy_pass {server.url}; }}")
    front = type(server)(server.process, f"http://127.0.0.1:{proxy.port}", server.log_file)
    assert front.ask("/predict", ROW, FORGED)[0] == 200
    assert server.events("prediction_made")[-1]["client_ip"] == "127.0.0.9"
