/** The kernels by name. */
import { conv2d } from './conv2d.ts'
import { cosineTopK } from './cosine-top-k.ts'
import { custom } from './custom.ts'
import { histogram } from './histogram.ts'
import { imageFilter } from './image-filter.ts'
import { imageResize } from './image-resize.ts'
import type { KernelDef } from './kernel-def.ts'
import { kmeansAssign } from './kmeans-assign.ts'
import { map } from './map.ts'
import { matmul } from './matmul.ts'
import { monteCarlo } from './monte-carlo.ts'
import { reduce } from './reduce.ts'
import { softmax } from './softmax.ts'

/** What a kernel calls an item or a result is its own affair. */
export const KERNELS: readonly KernelDef[] = [
  map,
  reduce,
  matmul,
  conv2d,
  cosineTopK,
  kmeansAssign,
  histogram,
  softmax,
  imageResize,
  imageFilter,
  monteCarlo,
  custom,
] as readonly unknown[] as readonly KernelDef[]

export function kernelNamed(name: string): KernelDef | undefined {
  return KERNELS.find((kernel) => kernel.name === name)
}
