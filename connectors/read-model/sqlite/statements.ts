/** Statements that insert rows. */
import type { DatabaseSync, StatementResultingChanges, StatementSync } from 'node:sqlite'
import type { Value } from '../rows.ts'

export function insertInto(table: string, columns: readonly string[], rest = ''): string {
  return `INSERT INTO ${table}(${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')}) ${rest}`
}

export type SparseInsert = (values: readonly Value[]) => StatementResultingChanges

/** Shapes of rows kept prepared; there are seldom more than a dozen. */
const MAX_SHAPES = 256

/** Inserts rows of up to 31 columns that are mostly empty: those that are null are left out, as binding them costs more than the rest. */
export function sparseInsert(
  database: DatabaseSync,
  table: string,
  columns: readonly string[],
  rest = '',
): SparseInsert {
  const shapes = new Map<number, StatementSync>()
  const prepare = (shape: number): StatementSync => {
    if (shapes.size >= MAX_SHAPES) shapes.clear()
    const present = columns.filter((_, index) => (shape & (1 << index)) !== 0)
    const statement = database.prepare(insertInto(table, present, rest))
    shapes.set(shape, statement)
    return statement
  }
  // One list for all rows: this is the hot path, and garbage the larger part of its price.
  const present: Value[] = []
  return (values) => {
    let shape = 0
    present.length = 0
    for (let index = 0; index < values.length; index++) {
      const value = values[index]!
      if (value === null) continue
      shape |= 1 << index
      present.push(value)
    }
    return (shapes.get(shape) ?? prepare(shape)).run(...present)
  }
}
