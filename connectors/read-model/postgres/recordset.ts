/** Rows sent to the database as one JSON text, which is the cheapest way to send many of them. */
import type { Value } from '../rows.ts'
import { typeOf } from './tables.ts'

/** A select of rows of these columns from the JSON array in the parameter. */
export function recordset(columns: readonly string[], parameter: string): string {
  const definition = columns.map((column) => `"${column}" ${typeOf(column).replace(/ collate.*/, '')}`)
  return `json_to_recordset(${parameter}::json) as given(${definition.join(', ')})`
}

export const quoted = (columns: readonly string[]): string => columns.map((column) => `"${column}"`).join(', ')

/** Rows in the order of the columns as the JSON that {@link recordset} reads. */
export function recordsJson(columns: readonly string[], rows: readonly (readonly Value[])[]): string {
  return JSON.stringify(
    rows.map((row) => Object.fromEntries(row.map((value, index) => [columns[index]!, clean(value)]))),
  )
}

/** Text in Postgres holds no NUL, and is valid Unicode; whatever an event brings must not stop the projection. */
export function clean(value: Value): Value {
  if (typeof value !== 'string') return value
  const whole = value.isWellFormed() ? value : value.toWellFormed()
  return whole.includes('\0') ? whole.replaceAll('\0', '\ufffd') : whole
}
