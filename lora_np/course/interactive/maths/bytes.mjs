// The bytes of numbers in float32, as they lie in memory: the least significant byte first.

export function bytesOf(numbers) {
  const view = new DataView(new ArrayBuffer(4 * numbers.length));
  numbers.forEach((v, i) => view.setFloat32(4 * i, v, true));
  return [...new Uint8Array(view.buffer)];
}
