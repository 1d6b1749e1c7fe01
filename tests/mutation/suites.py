"""The tests that an error in a judge is held against: those about what judges say, and quick."""

SUITES = (
    "tests/judge/test_*.py",
    "tests/unit/test_judge_*.py",
    "tests/unit/test_classes.py",
    "tests/unit/test_unread.py",
    "tests/unit/test_read.py",
    "tests/unit/test_answers.py",
    "tests/unit/test_every_object.py",
    "tests/unit/test_one_list.py",
    "tests/unit/test_inbound.py",
    "tests/unit/test_diff_filters.py",
    "tests/unit/test_inspection_mode.py",
)
TOO_LONG = (
    # Whole stacks, over and over: what they alone would notice is no rule that a reader finds.
    "tests/unit/test_read.py::test_whatever_an_object_says_the_answer_is_no_traceback",
    "tests/unit/test_one_list.py::test_the_table_the_explanation_and_the_proof_never_disagree_about_a_flow",
    "tests/unit/test_answers.py::test_every_range_that_a_policy_no_longer_excepts_is_found",
)
