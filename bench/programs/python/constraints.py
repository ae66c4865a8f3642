"""Objects that refer to each other, dynamic dispatch, lists as stacks: one-way constraints kept up to date by a plan."""


class Variable:
    def __init__(self, value=0):
        self.value = value
        self.constraints = []
        self.determined_by = None
        self.mark = 0


class Constraint:
    def __init__(self, strength, *variables):
        self.strength = strength
        self.variables = variables
        for variable in variables:
            variable.constraints.append(self)

    def output(self):
        return self.variables[-1]

    def inputs(self):
        return self.variables[:-1]

    def execute(self):
        raise NotImplementedError


class Equal(Constraint):
    def execute(self):
        self.variables[1].value = self.variables[0].value


class Scale(Constraint):
    def execute(self):
        source, scale, offset, result = self.variables
        result.value = source.value * scale.value + offset.value


class Edit(Constraint):
    def inputs(self):
        return ()

    def execute(self):
        pass


class Planner:
    def __init__(self):
        self.mark = 0

    def plan_from(self, sources):
        self.mark += 1
        plan, todo = [], list(sources)
        while todo:
            constraint = todo.pop()
            output = constraint.output()
            if output.mark != self.mark and all(each.mark == self.mark or each.determined_by is None for each in constraint.inputs()):
                plan.append(constraint)
                output.mark = self.mark
                output.determined_by = constraint
                for each in output.constraints:
                    if each is not constraint and each.output() is not output and each.strength >= constraint.strength - 1:
                        todo.append(each)
        return plan


def chain(length, rounds):
    planner = Planner()
    variables = [Variable() for _ in range(length)]
    for a, b in zip(variables, variables[1:]):
        Equal(2, a, b)
    edit = Edit(3, variables[0])
    for round in range(rounds):
        plan = planner.plan_from([edit])
        for value in range(4):
            variables[0].value = value + round
            for constraint in plan:
                constraint.execute()
        assert variables[-1].value == round + 3
    return len(plan)


def projection(size, rounds):
    planner = Planner()
    scale, offset = Variable(10), Variable(1000)
    pairs = []
    for n in range(size):
        source, result = Variable(n), Variable()
        Scale(2, source, scale, offset, result)
        pairs.append((source, result))
    edits = [Edit(3, scale), Edit(3, offset)]
    total = 0
    for round in range(rounds):
        scale.value, offset.value = round, round * 2
        for constraint in planner.plan_from(edits):
            constraint.execute()
        total += sum(result.value for _, result in pairs)
    return total


print(chain(3000, 35), projection(3000, 45))
