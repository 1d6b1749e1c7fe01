"""The tests that an error in a judge is held against: those about what judges say, and quick."""

SUITES = (
    "tests/judge/test_*.py",
    "tests/proof/test_answers.py",
    "tests/proof/test_every_object.py",
    "tests/proof/test_every_google_resource.py",
    "tests/proof/test_mesh_settings.py",
    "tests/proof/test_one_list.py",
    "tests/proof/test_openings.py",
    "tests/proof/test_inbound.py",
    "tests/proof/test_inbound_added.py",
    "tests/proof/test_inbound_targets.py",
    "tests/answers/test_diff_inbound.py",
    "tests/answers/test_diff_filters.py",
    "tests/layers/test_inspection_*.py",
)
TOO_LONG = (
    "tests/judge/test_every_field.py",
    "tests/judge/test_every_field_of_google.py",
    # Whole stacks, over and over: what they alone would notice is no rule that a reader finds.
    "tests/judge/test_odd_objects.py::test_whatever_an_object_says_the_answer_is_no_traceback",
    "tests/proof/test_one_list.py::test_the_table_the_explanation_and_the_proof_never_disagree_about_a_flow",
    "tests/proof/test_answers.py::test_every_range_that_a_policy_no_longer_excepts_is_found",
)
