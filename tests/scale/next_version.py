"""A Gatepost that is two migrations newer than this one, and otherwise the same: a file that is run in its place."""

from gatepost.store import migrations

COLUMNS = migrations.Migration(
    migrations.NEWEST + 1,
    "what the next version needs",
    (
        "alter table grants add column note {text}",
        "alter table grants add column kind {text} not null default 'app'",
        "create table notes (org {bytes} not null, id {bytes} not null, note {text}, primary key (org, id)){table}",
    ),
)
INDEX = migrations.Migration(
    COLUMNS.number + 1, "an index of it", indexes=("grants_by_kind on grants (org, kind, note, created_at)",)
)

PROGRAM = (__file__,)


def main() -> None:
    migrations.MIGRATIONS += (COLUMNS, INDEX)
    migrations.NEWEST = INDEX.number
    # It takes over what it finds there.
    from gatepost.cli.main import main

    main()


if __name__ == "__main__":
    main()
