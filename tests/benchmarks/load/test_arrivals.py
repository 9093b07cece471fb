from benchmarks.load.arrivals import bursts, steady


def test_arrivals_are_at_random_but_the_same_each_time():
    due = steady(500, 4)
    assert due == steady(500, 4) == sorted(due)
    assert 1700 < len(due) < 2300
    assert max(due) < 4


def test_a_burst_is_due_at_one_instant():
    due = bursts(4, 0.5, 3)
    assert [due.count(instant) for instant in sorted(set(due))] == [4, 4, 4]
    assert due == sorted(due)
