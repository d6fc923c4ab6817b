"""Right answers that look nothing like the solution: a law must not ask for one way of writing."""

DENSE = """
def lora_forward(x, W, A, B, alpha):
    r = B.shape[0]
    return np.einsum("...i,io->...o", x, W + np.einsum("ir,ro->io", A, B) * (alpha / r))
"""
TINY_START = """
def fine_tune(x, W, target, rank, alpha, lr, steps, rng):
    A, B = 0.01 * rng.standard_normal((3, rank)), np.zeros((rank, 2))
    start = A.copy(), B.copy()
    for _ in range(steps):
        dW = x.T @ (x @ (W + alpha / rank * A @ B) - target)
        dA, dB = alpha / rank * dW @ B.T, alpha / rank * A.T @ dW
        A -= lr * dA
        B -= lr * dB
    return *start, A, B
"""
B_RANDOM = TINY_START.replace(
    "0.01 * rng.standard_normal((3, rank))", "np.zeros((3, rank))"
).replace("np.zeros((rank, 2))", "rng.standard_normal((rank, 2))")
LOOPS = """
def linear_backward(x, W, dy, dW):
    dx = np.zeros(x.shape)
    for i in np.ndindex(x.shape[:-1]):
        dW += np.outer(x[i], dy[i])
        dx[i] = W @ dy[i]
    return dx
"""
IN_PLACE = """
def adamw_step(w, g, m, v, k, lr, beta1, beta2, eps, decay):
    w -= lr * decay * w
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    step = lr * np.sqrt(1 - beta2**k) / (1 - beta1**k)
    return [w - step * m / (np.sqrt(v) + eps * np.sqrt(1 - beta2**k)), m, v]
"""
CLOSURE = """
class MendedLinear:
    def __init__(self, W):
        self.W, self.dW = W, 0 * W

    def forward(self, x):
        return np.tensordot(x, self.W, 1), (lambda: x.copy().reshape(-1, self.W.shape[0]))

    def backward(self, dy, cache):
        self.dW = self.dW + cache().T @ dy.reshape(-1, self.W.shape[1])
        return np.tensordot(dy, self.W, (-1, 1))
"""
BY_W = """
def lora_backward(x, W, A, B, s, dy):
    dW = x.T @ dy
    return s * dW @ B.T, s * A.T @ dW, dy @ (W + s * A @ B).T
"""
FLAT = """
def mended_forward(x, W, A, B, alpha, mask):
    rows = x.reshape(-1, x.shape[-1])
    y = rows @ W + (rows * mask.reshape(rows.shape)) @ (A @ B) * alpha / len(B)
    return y.reshape(*x.shape[:-1], -1)
"""
PROJECTION = """
def best_of_rank(D, r):
    values, vectors = np.linalg.eigh(D.T @ D)
    top = vectors[:, np.argsort(values)[-r:]]
    return D @ top @ top.T
"""
PADDED = """
def chat_targets(turns):
    tokens = np.concatenate([[START, ROLES[role], *words, END] for role, words in turns])
    says = [np.pad(np.full(len(words) + 1, role == "assistant"), (2, 0)) for role, words in turns]
    return [tokens[:-1], tokens[1:], np.concatenate(says)[1:]]
"""
BY_INDEX = """
def share(kv, n):
    return kv[:, [head // n for head in range(n * kv.shape[1])]]


def share_backward(dy, n):
    return sum(dy[:, i::n] for i in range(n))


shared = [share, share_backward]
"""
DOUBLED = """
def scale_law(layer, x, W, A, B, alpha):
    twice = layer(x, W, np.repeat(A, 2, 1), np.repeat(B, 2, 0), 2 * alpha) - x @ W
    once, thrice = (layer(x, W, A, B, k * alpha) - x @ W for k in (1, 3))
    return max(np.abs(twice - 2 * once).max(), np.abs(thrice - 3 * once).max()) < 1e-6
"""
ASSERTS = """
def gradient_law(layer, x, W, A, B, alpha, dy):
    dA, dB, dx = layer(x, W, A, B, alpha, dy)[1:]
    for name, array, d in (("x", x, dx), ("A", A, dA), ("B", B, dB)):
        for i in np.ndindex(array.shape):
            sides = []
            for h in (1e-4, -1e-4):
                moved = {"x": x, "A": A, "B": B, name: array.copy()}
                moved[name][i] += h
                y = layer(moved["x"], W, moved["A"], moved["B"], alpha, dy)[0]
                sides.append((dy * y).sum())
            assert abs((sides[0] - sides[1]) / 2e-4 - d[i]) < 1e-5
    return True
"""
VERA = """
class Vectors(Wrapper, LinearLike):
    def __init__(self, base, rng):
        self.base = base.freeze()
        shapes = (base.in_features, 3), (3, base.out_features)
        self.factors = [rng.uniform(-1, 1, shape).astype(base.dtype) for shape in shapes]
        self.d = Parameter(np.full(3, 0.1, base.dtype))
        self.b = Parameter(np.zeros(base.out_features, base.dtype))

    def effective_weight(self):
        A, B = self.factors
        return self.base.effective_weight() + A @ np.diag(self.d.data) @ B @ np.diag(self.b.data)

    def forward(self, x, *, rng=None):
        return self.merge()(x), x

    def backward(self, dy, x, *, below_trains=True):
        A, B = self.factors
        dW = rows(x).T @ rows(dy)
        self.d.accumulate(np.einsum("ir,ro,o,io->r", A, B, self.b.data, dW))
        self.b.accumulate(np.einsum("ir,r,ro,io->o", A, self.d.data, B, dW))
        return dy @ self.effective_weight().T if below_trains else None


class VeRA:
    def __init__(self, targets):
        self.targets = targets

    def apply(self, model, rng):
        return wrap(begin(self, model), self.targets, lambda base: Vectors(base, rng))
"""
ANSWERS = {
    "1.1": ["y_by_hand = np.array([-1, 1.5])", "y_by_hand = (-1, 3 / 2)"],
    "1.2": [DENSE],
    "1.3": [TINY_START, B_RANDOM, TINY_START.replace("0.01", "1.0")],
    "2.1": [LOOPS],
    "2.2": [IN_PLACE],
    "2.3": [CLOSURE],
    "2.4": [DOUBLED],
    "2.6": [ASSERTS],
    "3.1": [BY_W],
    "3.2": [FLAT],
    "3.3": [PROJECTION],
    "3.4": ["factors = np.array([25.0, 5.0, 1.0])"],
    "9.4": [VERA],
    "13.1": [PADDED],
    "13.2": [
        'adapter = {"rank": np.int64(2), "targets": "all-linear"}',
        'adapter = {"rank": 4, "targets": ["q_proj", "v_proj", "mlp.down_proj", "up_proj"]}',
    ],
    "13.3": [BY_INDEX],
}
