"""
``ogfd demo``: the whole system against local stand-ins of AWS, Azure and GCP, no account needed.

    command   the command itself: stand-ins, a directory, the program
    clouds    what a customer has there, delivered and delivered again, and its exact sums
    steps     what is shown, and whether it is as it must be
    ledger    what the sink holds, asked as any other program would
"""

from ogfd_sandbox.demo.command import demo

__all__ = ["demo"]
