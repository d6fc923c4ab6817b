// How many numbers train: W is (width, width), A (width, r), B (r, width).

export function count({ width, rank }) {
  const full = width * width, lora = 2 * width * rank;
  return { full, lora, share: lora / full, breakEven: width / 2 };
}
