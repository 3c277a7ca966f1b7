# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Runs all tests in one start of QGIS; its last line counts.

    run.py [NAME...]    those whose name contains one of these; all by default
"""

import os
import sys
import time
import unittest

import harness
import test_algorithms
import test_layers
import test_package
import test_program
import test_review


def chosen(suite):
    """The tests that were asked for."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test)
        elif len(sys.argv) < 2 or any(name in test.id() for name in sys.argv[1:]):
            yield test


def main():
    """Runs the tests, and ends without the destructors of QGIS, which depend on the order of Python's."""
    began, loader = time.monotonic(), unittest.TestLoader()
    modules = (test_package, test_program, test_algorithms, test_layers, test_review)
    suite = unittest.TestSuite(chosen(loader.loadTestsFromModule(module) for module in modules))
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout).run(suite)
    bad = len(result.failures) + len(result.errors)
    harness.PLACE.cleanup()
    skipped, good = len(result.skipped), result.testsRun - bad - len(result.skipped)
    if result.testsRun == 0:
        bad = 1
    print(f"qgis plugin: {good} tests passed, {bad} failed, {skipped} skipped in {time.monotonic() - began:.0f} s", flush=True)
    os._exit(1 if bad else 0)


main()
