// A row of weights in NF4 blocks, and what rounding once more does to a merged adapter.
import { CODEBOOK, quantize } from "./nf4.mjs";

const rootMean = (values) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

/** Each block's absmax, error and sixteen marks; the error of all, and the bytes that they take. */
export function inBlocks(weights, size) {
  const starts = Array.from({ length: weights.length / size }, (_, i) => size * i);
  const made = starts.map((start) => quantize(weights.slice(start, start + size)));
  const errors = made.flatMap(({ values }) => values).map((v, i) => v - weights[i]);
  return {
    absmax: made.map(({ absmax }) => absmax),
    marks: made.map(({ absmax }) => CODEBOOK.map((v) => Math.fround(v * absmax))),
    codes: made.flatMap(({ codes }) => codes),
    values: made.flatMap(({ values }) => values),
    rms: starts.map((start) => rootMean(errors.slice(start, start + size))),
    all: rootMean(errors),
    bytes: weights.length / 2 + 4 * starts.length,
  };
}

/** Ŵ of one block, Ŵ + ΔW, and that rounded again: codes before and after, and ΔW's relative error. */
export function mergedAgain({ weights, directions, size }) {
  const before = quantize(weights);
  const delta = directions.map((v) => size * v);
  const dense = before.values.map((v, i) => v + delta[i]);
  const after = quantize(dense);
  const lost = after.values.map((v, i) => v - before.values[i] - delta[i]);
  return {
    start: before.values, dense, codes: before.codes, again: after.codes, values: after.values,
    absmax: after.absmax, stay: before.codes.filter((code, i) => code === after.codes[i]).length,
    error: size === 0 ? 0 : rootMean(lost) / rootMean(delta),
  };
}
