/** Checks and flattens what a kernel is given. Pure. */
import { BlockError } from '../../block.ts'

export interface Matrix {
  readonly rows: number
  readonly dimensions: number
  /** Row after row. */
  readonly values: Float32Array
}

/**
 * A list of rows, or one flat list with the number of dimensions.
 * @throws {BlockError} `SHAPE_MISMATCH`, `NOT_FINITE`
 */
export function matrixOf(
  source: readonly number[] | readonly (readonly number[])[],
  dimensions: number | undefined,
): Matrix {
  const isFlat = typeof source[0] === 'number'
  if (isFlat && dimensions === undefined) throw mismatch("a flat 'matrix' needs 'dimensions'")
  const width = dimensions ?? (source[0] as readonly number[] | undefined)?.length ?? 0
  if (width === 0) throw mismatch("'matrix' is empty; expected at least one row of at least one number")
  const rows = isFlat ? source.length / width : source.length
  if (!Number.isInteger(rows)) throw mismatch(`'matrix' has ${source.length} numbers; expected a multiple of ${width}`)
  const values = new Float32Array(rows * width)
  if (isFlat) fill(values, source as readonly number[], 0, 'matrix')
  else fillRows(values, source as readonly (readonly number[])[], width)
  return { rows, dimensions: width, values }
}

/** @throws {BlockError} `SHAPE_MISMATCH`, `NOT_FINITE` */
export function vectorOf(name: string, source: readonly number[], dimensions: number): Float32Array {
  if (source.length !== dimensions) {
    throw mismatch(`'${name}' has ${source.length} numbers; expected ${dimensions}, as the rows of 'matrix' have`)
  }
  const values = new Float32Array(dimensions)
  fill(values, source, 0, name)
  return values
}

function fillRows(values: Float32Array, source: readonly (readonly number[])[], width: number): void {
  for (const [index, row] of source.entries()) {
    if (!Array.isArray(row)) throw mismatch(`row ${index} of 'matrix' is a number; expected a list of ${width} numbers`)
    if (row.length !== width) throw mismatch(`row ${index} of 'matrix' has ${row.length} numbers; expected ${width}`)
    fill(values, row, index * width, `matrix[${index}]`)
  }
}

function fill(values: Float32Array, source: readonly number[], at: number, name: string): void {
  for (let i = 0; i < source.length; i++) {
    const value = source[i]
    if (typeof value !== 'number') throw mismatch(`'${name}' has a list at ${i}; expected a number`)
    values[at + i] = value
    if (!Number.isFinite(values[at + i])) {
      throw new BlockError('NOT_FINITE', `'${name}' has ${value} at ${i}; expected a finite number of 32 bits`)
    }
  }
}

function mismatch(message: string): BlockError {
  return new BlockError('SHAPE_MISMATCH', message)
}
