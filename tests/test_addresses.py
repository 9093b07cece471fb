"""Where the service is found: an application by either name, a prefix, and a warning where everybody may call."""

import socket

import pytest

from tests.conftest import free_port


def test_servers_that_look_for_application_find_it():
    import wsgi

    assert wsgi.application is wsgi.app


def test_the_home_document_names_the_documentation_under_the_prefix(make_client):
    client = make_client()
    assert client.get("/").json["documentation"] == "/apidocs/"
    assert client.get("/", environ_overrides={"SCRIPT_NAME": "/ml"}).json["documentation"] == "/ml/apidocs/"


@pytest.mark.process
@pytest.mark.parametrize("worker_class", ["inline", "gthread"])
def test_under_a_prefix_addresses_have_it_and_other_paths_are_not_found(serve, worker_class):
    server = serve(SCRIPT_NAME="/ml", WORKER_CLASS=worker_class)
    assert server.ask("/ml/")[1]["documentation"] == "/ml/apidocs/"
    assert server.events("listening")[0]["documentation"].endswith("/ml/apidocs/")
    status, refused = server.ask("/health")
    assert (status, refused["status"]) == (404, 404)
    assert "SCRIPT_NAME" not in str(refused)


@pytest.mark.process
def test_listening_on_every_address_without_a_token_is_warned_of(serve, tmp_path):
    port = free_port()
    server = serve(BIND="", PORT=str(port))
    (said,) = server.events("open_to_all")
    assert said["level"] == "warning" and "API_TOKENS_FILE" in said["reason"]
    server.stop()
    (tmp_path / "tokens").touch()
    server = serve(BIND="", PORT=str(port), API_TOKENS_FILE=str(tmp_path / "tokens"))
    assert server.events("open_to_all") == []
    server.stop()
    assert serve(BIND=f"127.0.0.1:{port}").events("open_to_all") == []


@pytest.mark.process
def test_both_families_are_served_by_one_address_and_mapped_clients_are_logged_as_ipv4(serve):
    port = free_port()
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    server = serve(BIND=f"[::]:{port}")
    server.ask("/")
    assert {line["client_ip"] for line in server.events("request")} == {"127.0.0.1"}
    server.url = f"http://[::1]:{port}"
    assert server.ask("/")[0] == 200
