"""Running the installed program."""

import json
import os
import signal
import sys
import threading

import pytest
from ogfd_sandbox.program import Finished, Process, Program, ProgramError


def _answering(tmp_path, code, out, err=""):
    return Program(tmp_path / "ogfd.toml", lambda _: Finished(code=code, out=out, err=err))


def test_the_program_is_called_as_a_user_would(tmp_path):
    """By the interpreter in use, with the configuration before the command."""
    asked = []

    def run(command):
        asked.append(list(command))
        return Finished(code=0, out="{}", err="")

    Program(tmp_path / "ogfd.toml", run).document("sync", "--json")

    config = str(tmp_path / "ogfd.toml")
    assert [[sys.executable, "-m", "ogfd", "-c", config, "sync", "--json"]] == asked


def test_a_failure_says_what_the_program_said(tmp_path):
    """Its own words tell more than ours."""
    with pytest.raises(ProgramError, match=r"(?s)ogfd sync exited with 69.*no route"):
        _answering(tmp_path, 69, "", "ogfd: no route to the store").document("sync")


def test_what_went_wrong_in_a_sync_is_read_out_of_its_answer(tmp_path):
    """Errors of runs and reasons of slices, not a page of JSON."""
    held = {"slice": "aws-demo/cost/2026-01", "outcome": "held", "reason": "cost fell by half"}
    fine = {"slice": "aws-demo/cost/2026-02", "outcome": "committed", "reason": None}
    early = {"slice": "aws-demo/carbon/2026-02", "outcome": "pending", "reason": "too early"}
    slices = [held, fine, early]
    out = json.dumps(
        {"runs": [{"error": {"message": "no bucket"}, "slices": []}, {"slices": slices}]}
    )

    with pytest.raises(ProgramError) as caught:
        _answering(tmp_path, 1, out).document("sync")

    assert [
        "ogfd sync exited with 1 and said:",
        "no bucket",
        "aws-demo/cost/2026-01 held: cost fell by half",
    ] == str(caught.value).splitlines()


@pytest.mark.parametrize("out", ["", "all fine", "[]"])
def test_an_answer_that_is_no_document_is_an_error(tmp_path, out):
    """Nothing is read into it."""
    with pytest.raises(ProgramError, match="ogfd sync printed"):
        _answering(tmp_path, 0, out).document("sync")


def test_a_process_has_the_environment_given_and_no_more(tmp_path):
    """What the user's shell has set must not reach it."""
    code = "import json, os; print(json.dumps([dict(os.environ), os.getcwd()]))"
    done = Process(tmp_path, {"ONE": "1"})([sys.executable, "-c", code])
    environ, directory = json.loads(done.out)

    assert 0 == done.code
    assert "1" == environ["ONE"]
    assert "HOME" not in environ
    assert str(tmp_path) == directory


def test_ctrl_c_ends_the_process_too(tmp_path):
    """No process is left behind, whatever it was at."""
    mark = tmp_path / "pid"
    code = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(mark)!r} + '~').write_text(str(os.getpid()))\n"
        f"os.rename({str(mark)!r} + '~', {str(mark)!r})\n"
        "time.sleep(60)\n"
    )

    def interrupt():
        while not mark.exists():
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    user = threading.Thread(target=interrupt)
    user.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            Process(tmp_path, {})([sys.executable, "-c", code])
    finally:
        user.join()
        signal.signal(signal.SIGUSR1, before)

    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_a_process_that_stays_writes_to_its_log(tmp_path):
    """And its exit code is passed on."""
    code = Process(tmp_path, {}).stay(
        [sys.executable, "-c", "print('hello'); raise SystemExit(3)"], tmp_path / "log"
    )

    assert 3 == code
    assert "hello\n" == (tmp_path / "log").read_text()
