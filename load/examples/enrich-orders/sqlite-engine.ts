/** Answers what the example asks of PostgreSQL from SQLite, in memory. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Column, Engine, Table } from './postgres-wire.ts'

const WITHOUT_EFFECT = /^\s*(begin|commit|rollback|set|discard)\b/i

export function sqliteEngine(tables: string): Engine {
  const database = new DatabaseSync(':memory:')
  database.exec(tables)
  const prepare = (text: string): StatementSync => database.prepare(inSqlite(text))
  return {
    columns: (text) => (WITHOUT_EFFECT.test(text) ? [] : columnsOf(prepare(text))),
    run: (text, values) => (WITHOUT_EFFECT.test(text) ? emptyTable(text) : run(prepare(text), text, values)),
  }
}

/** `$1` becomes a name, and a list that is given as a parameter a table. */
function inSqlite(text: string): string {
  return text.replace(/= any\(\$(\d+)\)/g, 'in (select value from json_each(:p$1))').replace(/\$(\d+)/g, ':p$1')
}

function columnsOf(statement: StatementSync): readonly Column[] {
  return statement.columns().map(({ name, type }) => ({ name, isInteger: /^int/i.test(type ?? '') }))
}

function run(statement: StatementSync, text: string, values: readonly (string | null)[]): Table {
  const parameters = Object.fromEntries(
    values.map((value, at) => [`p${at + 1}`, value === null ? null : listOf(value)]),
  )
  const columns = columnsOf(statement)
  if (columns.length === 0) {
    const { changes } = statement.run(parameters)
    return { columns, rows: [], tag: `${/^\s*insert/i.test(text) ? 'INSERT 0' : 'UPDATE'} ${changes}` }
  }
  const rows = statement.all(parameters).map((row) => columns.map(({ name }) => textOf(row[name])))
  return { columns, rows, tag: `SELECT ${rows.length}` }
}

/** PostgreSQL's form of a list, `{"a","b"}`, in JSON; anything else as it is. */
function listOf(value: string): string {
  return /^\{("(?:[^"\\]|\\.)*"(,|(?=\})))*\}$/.test(value) ? `[${value.slice(1, -1)}]` : value
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value)
}

function emptyTable(text: string): Table {
  return { columns: [], rows: [], tag: WITHOUT_EFFECT.exec(text)![1]!.toUpperCase() }
}
