def test_six(plane):
    plane.start()
    print(plane.finished(plane.submit("six")))
    print(plane.log)
