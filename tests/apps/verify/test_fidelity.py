from toolgate.apps.verify.fidelity import Counted, Fidelity
from toolgate.apps.verify.scores import Share


def test_counts_and_differences():
    told = Fidelity(
        [Counted(index, "", 100 + more, 100) for index, more in enumerate((0, 3, 3, -7))]
    )
    assert told.exact == Share(1, 4)
    assert told.differences == {3: 2, -7: 1}
    assert [(one.data_index, one.difference) for one in told.largest(2)] == [(3, -7), (1, 3)]
    assert Fidelity().exact == Share(0, 0)
