import { scalarOf, tensorOf } from '../tensor.ts'
import { invalid, joined, type KernelDef, type Program } from './kernel-def.ts'

interface Item {
  readonly values: Float32Array
  readonly bins: number
  readonly min: number
  readonly max: number
}

const PROGRAM: Program = {
  name: 'histogram',
  types: ['Array', 'Float', 'Float', 'Float'],
  source: `function (values, least, most, bins) {
    const v = values[this.thread.x];
    let bin = -1;
    if (v >= least && v <= most) {
      bin = Math.min(Math.floor(((v - least) / (most - least)) * bins), bins - 1);
    }
    return bin;
  }`,
}

/** The device finds the bin of each value; its process counts them, since kernels have no counters in common. */
export const histogram: KernelDef<Item, readonly number[]> = {
  name: 'histogram',
  summary:
    'How many of `values` lie in each of `bins` equal parts from `min` to `max` (which belongs to the last one), as `{counts}`.',
  required: ['values', 'bins', 'min', 'max'],
  optional: [],
  example: { values: [0.1, 0.2, 0.9], bins: 2, min: 0, max: 1 },
  prepare: ({ fields }) => {
    const { values } = tensorOf('values', fields.values)
    const bins = fields.bins as number
    const min = scalarOf('min', fields.min as number)
    const max = scalarOf('max', fields.max as number)
    if (!(min < max)) throw invalid(`'min' is ${min} and 'max' ${max}; expected 'max' above 'min'`)
    return { key: `${bins}/${min}/${max}`, item: { values, bins, min, max }, elements: 2 * values.length }
  },
  run: async (dispatch, items) => {
    const { bins, min, max } = items[0]!
    const values = joined(items.map((item) => item.values))
    const found = await dispatch(PROGRAM, [values, min, max, bins], [values.length])
    let at = 0
    return items.map((item) => {
      const counts = new Array<number>(bins).fill(0)
      for (const end = at + item.values.length; at < end; at++) if (found[at]! >= 0) counts[found[at]!]!++
      return counts
    })
  },
  finish: (counts) => ({ counts: [...counts] }),
}
