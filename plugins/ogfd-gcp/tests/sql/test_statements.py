"""Every statement that is sent, as sqlglot reads BigQuery's SQL."""

import re

import pytest
import sqlglot
from google.cloud import bigquery
from ogfd_gcp.identifiers import TableName
from ogfd_gcp.schema import Schema
from ogfd_gcp.slicing import Slicing
from ogfd_gcp.sql import carbon, cost, partitions, totals
from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery

from ogfd.plugin import FatalError, Grain, Period, Wanted

NAME = TableName.parse("my-project.billing.export")
MONTH = Period.month("2026-10")
ACCOUNTS = ((), ("012345-6789AB-CDEF01",))
SLICINGS = {
    "ingestion": Slicing(column="_PARTITIONTIME", kind="TIMESTAMP", partitioned=True),
    "column": Slicing(column="`usage_day`", kind="DATE", partitioned=True, by_export=False),
    "export": Slicing(column="export_time", kind="TIMESTAMP", partitioned=False),
}


def schema(*paths, **types):
    return Schema(table="t", types={path.lower(): types.get(path, "STRING") for path in paths})


STANDARD = schema(
    *cost.BILLING.required, "labels.key", "usage.unit", "usage.amount", "currency_conversion_rate",
    cost="FLOAT",
)  # fmt: skip
DETAILED = schema(*STANDARD.types, "resource.name", "tags.key", "system_labels.key", cost="NUMERIC")
FOCUS = schema(*cost.FOCUS.required, "EffectiveCost", "x_Project.Id", "x_Labels.key")
CARBON = schema(*carbon.REQUIRED, "project.id", "service.description", "location.location")
CARBON_NEW = schema(*CARBON.types, *(path.lower() for path in carbon.MEASURES.values()))
CARBON_NEWER = schema(*CARBON_NEW.types, "location", "location.zone")


def statements():
    layout = cost.BILLING
    yield "partitions", partitions.partitions(NAME), partitions.PARTITION
    yield "months", partitions.carbon_months(NAME, MONTH), partitions.MONTHS
    yield "month tokens", partitions.carbon_tokens(NAME, MONTH), partitions.MONTH_TOKENS
    for which, columns in (("old", CARBON), ("new", CARBON_NEW), ("newer", CARBON_NEWER)):
        yield f"health {which}", carbon.health(NAME, columns, MONTH), carbon.HEALTH
        found = carbon.footprint(NAME, columns, "012345-6789AB-CDEF01", MONTH)
        yield f"footprint {which}", found, carbon.COLUMNS
        for accounts in ACCOUNTS:
            found = totals.emitted(NAME, columns, MONTH, accounts)
            yield f"emitted {which} of {len(accounts)}", found, totals.EMITTED
    for name, slicing in SLICINGS.items():
        found = partitions.cost_tokens(
            NAME, slicing, MONTH, newest=layout.exported,
            cost=layout.cost(STANDARD), credits=layout.credits(STANDARD),
        )  # fmt: skip
        yield f"tokens {name}", found, partitions.TOKENS
        for kind, columns in (("standard", STANDARD), ("detailed", DETAILED), ("focus", FOCUS)):
            for accounts in ACCOUNTS:
                found = totals.spanned(NAME, columns, slicing, MONTH, accounts=accounts)
                yield f"{kind} spanned by {name} of {len(accounts)}", found, totals.SPAN
                found = totals.invoiced(
                    NAME, columns, slicing, MONTH, month=MONTH, accounts=accounts
                )
                yield f"{kind} invoiced by {name} of {len(accounts)}", found, totals.INVOICED
            for grain in Grain:
                wanted = Wanted(grain=grain, tags=("env", "it's"), resource_ids=True)
                found = cost.charges(NAME, columns, slicing, MONTH, wanted)
                yield f"{kind} {grain} by {name}", found, cost.columns_of(wanted)


ALL = {name: (query, columns) for name, query, columns in statements()}


@pytest.mark.parametrize("name", ALL)
def test_it_is_one_select_of_bigquery(name):
    """With the columns that the reader expects, names quoted and every value a parameter."""
    query, columns = ALL[name]
    (tree,) = sqlglot.parse(query.sql, read="bigquery", error_level=sqlglot.ErrorLevel.RAISE)

    assert isinstance(tree, exp.Select)
    assert list(columns) == tree.named_selects
    named = {each.name for each in tree.find_all(exp.Parameter)}
    given = {each.name for each in query.parameters}
    assert named <= given
    assert given - named <= {"machine", "tag_0", "tag_1"}  # of columns that an export has not
    for name in {*tree.named_selects, *(each.alias for each in tree.find_all(exp.Alias))}:
        assert name.lower() not in BigQuery.Generator.RESERVED_KEYWORDS
    for value in ("2026", "it's", "012345", "env"):
        assert value not in query.sql
    for table in tree.find_all(exp.Table):
        assert re.search(r"`my-project`\.`billing`\.", query.sql), table


@pytest.mark.parametrize("name", ALL)
def test_rows_are_grouped_by_names_that_mean_one_thing(name):
    """A name of both a column and a result is the one or the other, by database."""
    query, _ = ALL[name]
    for select in sqlglot.parse_one(query.sql, read="bigquery").find_all(exp.Select):
        grouped = {each.name for each in select.args.get("group", exp.Group()).expressions}
        renamed = {
            each.alias
            for each in select.expressions
            if isinstance(each, exp.Alias) and each.this.name != each.alias
        }

        assert not grouped & renamed


def test_all_statements_are_here():
    """Each function of the package that returns one."""
    asked = {query.purpose for query, _ in ALL.values()}

    assert {"partitions", "months", "tokens", "health", "carbon", "cost", "totals"} == asked


def test_a_billing_export_is_told_by_its_columns():
    """FOCUS by what no other has; a table that is neither is refused."""
    assert cost.layout_of(FOCUS) is cost.FOCUS
    assert cost.layout_of(STANDARD) is cost.BILLING
    with pytest.raises(FatalError, match="no billing export"):
        cost.layout_of(CARBON)


@pytest.mark.parametrize(
    ("partitioning", "column"),
    [
        (bigquery.TimePartitioning(type_="DAY"), "_PARTITIONTIME"),
        (bigquery.TimePartitioning(type_="HOUR"), "_PARTITIONTIME"),
        (bigquery.TimePartitioning(type_="DAY", field="usage_start_time"), "`usage_start_time`"),
        (bigquery.TimePartitioning(type_="DAY", field="Hash"), "`Hash`"),
        (bigquery.TimePartitioning(type_="DAY", field="größe"), "export_time"),
        (None, "export_time"),
    ],
)
def test_a_row_belongs_to_one_day_for_ever(partitioning, column):
    """That of its ingestion if the table has it; a column may have a name that SQL reserves."""
    table = bigquery.Table("my-project.billing.export")
    table.time_partitioning = partitioning
    dated = {"usage_start_time": "TIMESTAMP", "hash": "DATE", "größe": "DATE"}
    columns = schema(*STANDARD.types, *dated, **dated)

    assert column == Slicing.of(table, columns, "export_time").column


def test_a_table_cut_by_months_is_refused():
    """A day of it could not be told from the others by what BigQuery keeps."""
    table = bigquery.Table("my-project.billing.export")
    table.time_partitioning = bigquery.TimePartitioning(type_="MONTH")

    with pytest.raises(FatalError, match="partitioned by MONTH"):
        Slicing.of(table, STANDARD, "export_time")
