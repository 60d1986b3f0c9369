"""
The statements of this connector, one module for each thing that is asked.

Names of tables come quoted from `ogfd_gcp.identifiers`; columns are constants of ours, or left out
if the schema has them not; values are parameters. No statement orders or nests its rows.
"""
