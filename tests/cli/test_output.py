"""What people see: aligned, whole where it matters, and harmless to their terminal."""

from gatepost.cli.output import instant, printable, render_fields, render_table

ROWS = [
    {"id": "org_1", "name": "Zoë", "scopes": ["a", "b"], "disabled": False, "auth_token": None},
    {"id": "org_22", "name": "東京", "scopes": [], "disabled": True, "auth_token": "x"},
]


def test_columns_are_aligned_by_what_a_character_takes() -> None:
    assert render_table(ROWS).splitlines() == [
        "ID      NAME  SCOPES  DISABLED  AUTH TOKEN",
        "org_1   Zoë   a b     no        –",
        "org_22  東京  –       yes       x",
    ]
    assert render_table([{"a": "e\u0301", "b": 1}]) == "A  B\ne\u0301  1"


def test_a_table_fits_the_room_there_is_and_keeps_its_ids() -> None:
    rows = [{"id": "app_0123456789", "name": "x" * 40, "redirect_uris": ["https://a.example/callback"] * 3}]
    for room in (80, 60, 50):
        lines = render_table(rows, room).splitlines()
        assert max(map(len, lines)) <= room
        assert lines[1].startswith("app_0123456789  x")
        assert lines[1].count("…") == 2
    assert "…" not in render_table(rows)


def test_wide_characters_are_cut_at_their_width() -> None:
    line = render_table([{"id": "1", "name": "東" * 20, "note": ""}], 20).splitlines()[1]
    assert line == "1   東東東東…   –"


def test_where_a_table_has_no_room_each_row_is_shown_by_itself() -> None:
    rows = [{"id": f"app_{number}", "name": "x" * 40, "scope": "y" * 40} for number in (1, 2)]
    assert render_table(rows, 28).splitlines() == [
        *("id     app_1", f"name   {'x' * 40}", f"scope  {'y' * 40}", ""),
        *("id     app_2", f"name   {'x' * 40}", f"scope  {'y' * 40}"),
    ]
    assert render_table(rows, 29).splitlines()[1] == "app_1  xxxxxxxxx…  yyyyyyyyy…"


def test_one_thing_is_a_line_for_each_field() -> None:
    assert render_fields({"client_id": "x", "disabled": False, "scope": ""}) == (
        "client id  x\ndisabled   no\nscope      –"
    )


def test_nothing_from_outside_moves_the_cursor() -> None:
    assert printable("a\x1b[2J\r\n\u202eb\x00\ud800") == r"a\x1b[2J\r\n\u202eb\x00\ud800"
    assert printable("Zoë 東京 – …") == "Zoë 東京 – …"
    assert "\x1b" not in render_table([{"name": "\x1b[2J"}]) + render_fields({"name": "\x1b[2J"})


def test_instants_are_iso_8601() -> None:
    assert instant(1_700_000_000) == "2023-11-14T22:13:20Z"
    assert instant(None) is None
