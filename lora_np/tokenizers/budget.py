"""How much a template may do: the steps that it takes, and the weight of what it goes through.

A list that holds one long string a thousand times is as heavy as the text that it would become.
"""

from collections.abc import Iterator, MappingView

LARGEST = 1 << 22  # characters of the text, or of any value on the way
ALL = LARGEST << 6  # of all that is weighed, one after another: seconds
ITEM = 16  # how many characters an item of a list is counted as
STEPS = 1 << 21  # turns of loops, items of ranges, and calls, together: seconds
WIDEST = 1000  # a filter's or a call's number, such as an indentation


class TooMuch(Exception):
    """A template asks for more than any conversation needs."""


class Budget:
    """How many steps a rendering may still take, and how much it may go through."""

    def __init__(self):
        self.steps, self.characters = STEPS, ALL

    def spend(self, steps=1):
        self.steps -= steps
        if self.steps < 0:
            raise TooMuch(f"it takes more than {STEPS:,} steps")

    def each(self, items):
        for item in items:
            self.spend()
            yield item

    def weigh(self, *values):
        """How many characters these values hold at any depth, which are gone through with it."""
        size, rest = 0, [*values]
        while rest:
            each = rest.pop()
            if type(each).__name__ == "Namespace":
                each = each._Namespace__attrs
            if isinstance(each, str | range):
                size += len(each)
            elif isinstance(each, list | tuple | dict | MappingView):
                size += ITEM * len(each)
                rest += each if size <= LARGEST else []
                rest += each.values() if isinstance(each, dict) else []
            else:
                size += 1
            if size > LARGEST:
                raise TooMuch(f"it makes more than {LARGEST:,} characters on the way")
        self.characters -= size
        if self.characters < 0:
            raise TooMuch(f"it goes through more than {ALL:,} characters")
        return size

    def check(self, value, given):
        """Raise TooMuch for a number, or strings in each other's place, that would fill the
        memory; `given` are the arguments beside `value`."""
        numbers = [abs(each) for each in given if isinstance(each, int)]
        if max(numbers, default=0) > WIDEST:
            raise TooMuch(f"it asks for a width of more than {WIDEST}")
        sizes = [self.weigh(each) for each in given if not isinstance(each, int)]
        if self.weigh(value) * max([*sizes, *numbers], default=0) > ALL:
            raise TooMuch(f"it would make more than {LARGEST:,} characters")

    def whole(self, value):
        """What an iterator gives, as a list; any other value as it is."""
        return [*self.each(value)] if isinstance(value, Iterator) else value
