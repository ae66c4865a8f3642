"""Integer lists: the most flips that a permutation needs until its first element is in its place."""


def fannkuch(n):
    permutation = list(range(n))
    count = [0] * n
    most = checksum = index = 0
    while True:
        first = permutation[0]
        if first:
            flipped = permutation[:]
            flips = 0
            while first:
                flipped[:first + 1] = flipped[first::-1]
                flips += 1
                first = flipped[0]
            most = max(most, flips)
            checksum += -flips if index & 1 else flips
        index += 1
        at = 1
        while True:
            if at >= n:
                return checksum, most
            permutation[:at + 1] = permutation[1:at + 1] + permutation[:1]
            count[at] += 1
            if count[at] <= at:
                break
            count[at] = 0
            at += 1


print(*fannkuch(9))
