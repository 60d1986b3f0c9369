"""
A stand-in of BigQuery: its REST API over DuckDB, and Google's token services.

What `Request.operation` and `Request.key` say of a request, and `Rule` matches::

    Token               service_account EMAIL
    ExchangeToken       AUDIENCE, of workload identity federation
    ImpersonateAccount  EMAIL
    MetadataToken       PATH, of the metadata server of a virtual machine
    InsertJob           PROJECT LOCATION JOB, and the word dry_run after it if it is one
    GetJob              PROJECT LOCATION JOB; likewise CancelJob
    GetQueryResults     PROJECT LOCATION JOB START MAX_RESULTS (rows; - if not asked for)
    Query               PROJECT LOCATION
    ListDatasets        PROJECT
    GetDataset          PROJECT.DATASET
    ListTables          PROJECT.DATASET START
    GetTable            PROJECT.DATASET.TABLE; likewise TestPermissions
    ListTableData       PROJECT.DATASET.TABLE START
    CreateReadSession   PROJECT WHAT STREAMS (no more than; 0 if not asked for)
    ReadRows            PROJECT WHAT STREAM OFFSET (the streams of a session are 0, 1, ...)

LOCATION is ``-`` if the client names none. WHAT is the JOB whose result is read, or
PROJECT.DATASET.TABLE. Of a stream that nobody has made, PROJECT and WHAT are ``-``, and STREAM is
its name. A request that no service knows has its method for an operation and its path for a key.

A `Rule` must name its operation: unless told so it spoils ``GetObject``, which is none of Google's,
and unless *code* is the reason of an error, such as ``backendError``, or over gRPC the name of a
status, such as ``UNAVAILABLE``, no client of Google's knows what to make of it.

Queries run when their job is inserted, so that nothing depends on time: a job is done when it is
first looked at unless a rule of the kind ``run`` makes it take so many looks.

Its data comes from two seeded generators, each with an exact truth of its own:
`ogfd_sandbox.bigquery.footprint`, of the carbon footprint export, and `ogfd_sandbox.bigquery.bill`,
of the billing exports.

What this cannot prove: the semantics of Google's SQL where DuckDB differs, what a real query
costs, and which errors Google really sends when.
"""
