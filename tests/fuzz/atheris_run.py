"""The readers of bytes under atheris, which looks for inputs that reach new code: FZ1, FZ4, FZ5.

`python -m tests.fuzz.atheris_run host --seconds 60`; what it finds on the way lies in .fuzz/, what
breaks a reader is written to the working directory and printed. Atheris is for CPython on Linux
(`packaging/requirements/fuzz.txt`); the corpus is read by `test_fz_corpus.py` everywhere.
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOUND = os.path.join(os.path.dirname(os.path.dirname(HERE)), ".fuzz")


def main() -> None:
    import atheris  # noqa: PLC0415  not a requirement of the tests

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=("host", "entry", "answer"))
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with atheris.instrument_imports(include=["docker_credential_acr"]):
        from tests.fuzz import readers  # noqa: PLC0415  only now: it is loaded with probes
    found = os.path.join(FOUND, options.reader)
    os.makedirs(found, exist_ok=True)
    seeds = os.path.join(HERE, "corpus", options.reader)
    flags = [f"-max_total_time={options.seconds}", "-max_len=8192", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *flags, found, seeds], readers.READERS[options.reader])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
