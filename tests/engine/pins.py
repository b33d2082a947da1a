"""What the tests of binds share."""

ALONE = ("--network", "none")  # a container whose network nothing is about takes two thirds of the time


def mounts_of_berth(berth):
    with open("/proc/self/mounts") as mounts:
        return [line.split()[1] for line in mounts if f"{berth.folder}/run/pins/" in line]
