/** The writer: the one connection that changes the database; each group of records and changes is one transaction. */
import type { DatabaseSync } from 'node:sqlite'
import { eachRow } from './changelog-codec.ts'
import { encodeDirectory } from './directory.ts'
import { pack } from './packing.ts'
import type { MaintenanceWrite, WriteGroup } from './protocol.ts'

type Statements = ReturnType<typeof prepare>

function prepare(database: DatabaseSync) {
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    group: database.prepare('INSERT INTO groups (bytes, directory, records, changes) VALUES (?, ?, ?, ?)'),
    batch: database.prepare('INSERT INTO batches (span, base, next, last_ms, bytes, data) VALUES (?, ?, ?, ?, ?, ?)'),
    committed: database.prepare(
      'INSERT INTO committed (span, next) VALUES (?, ?) ON CONFLICT (span) DO UPDATE SET next = excluded.next',
    ),
    progress: database.prepare(
      'INSERT INTO committed VALUES (?, ?, ?) ON CONFLICT (span) DO UPDATE SET next = excluded.next, beyond = excluded.beyond',
    ),
    putState: database.prepare('INSERT OR REPLACE INTO state VALUES (?, ?, ?)'),
    deleteState: database.prepare('DELETE FROM state WHERE task = ? AND key = ?'),
    folded: database.prepare('INSERT OR REPLACE INTO tasks VALUES (?, ?)'),
    dropGroups: database.prepare('DELETE FROM groups WHERE id <= ?'),
    trim: database.prepare('DELETE FROM batches WHERE span = ? AND base < ?'),
    fillProbe: database.prepare('INSERT INTO probe VALUES (zeroblob(?))'),
    emptyProbe: database.prepare('DELETE FROM probe'),
    checkpoint: database.prepare('PRAGMA wal_checkpoint(PASSIVE)'),
  }
}

export interface Writer {
  write(group: WriteGroup): void
  maintain(write: MaintenanceWrite): number
  probe(bytes: number): void
}

export function createWriter(database: DatabaseSync): Writer {
  const statements = prepare(database)
  const transaction = <T>(body: () => T): T => {
    statements.begin.run()
    try {
      const result = body()
      statements.commit.run()
      return result
    } catch (error) {
      // SQLite has rolled back by itself after some errors, a full disk among them
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
  return {
    write: (group) => transaction(() => writeGroup(statements, group)),
    maintain(write) {
      if (write.kind === 'checkpoint') {
        statements.checkpoint.get()
        return 0
      }
      return transaction(() => maintain(statements, write))
    },
    probe(bytes) {
      transaction(() => statements.fillProbe.run(bytes))
      transaction(() => statements.emptyProbe.run())
    },
  }
}

function writeGroup(statements: Statements, group: WriteGroup): void {
  if (group.data.length > 0) {
    const split = group.changelog[2] ?? group.data.length
    const records = pack(group.data.subarray(0, split))
    const changes = pack(group.data.subarray(split))
    statements.group.run(records.length + changes.length, encodeDirectory(group), records, changes)
  }
  for (let i = 0; i < group.offsets.length; i += 2) statements.committed.run(group.offsets[i]!, group.offsets[i + 1]!)
  for (const { span, next, beyond } of group.progress) statements.progress.run(span, next, beyond)
}

function maintain(statements: Statements, write: Exclude<MaintenanceWrite, { kind: 'checkpoint' }>): number {
  switch (write.kind) {
    case 'fold':
      eachRow(write.rows, (key, value) => {
        if (value === null) statements.deleteState.run(write.task, key)
        else statements.putState.run(write.task, key, value)
      })
      if (write.folded !== null) statements.folded.run(write.task, write.folded)
      return 0
    case 'settle':
      for (const { span, base, next, lastMs, data } of write.batches) {
        statements.batch.run(span, base, next, lastMs, data.length, data)
      }
      return Number(statements.dropGroups.run(write.through).changes)
    case 'trim':
      return Number(statements.trim.run(write.span, write.below).changes)
    case 'compact': {
      const { changes } = statements.trim.run(write.span, write.below)
      for (const { base, next, lastMs, data } of write.batches) {
        statements.batch.run(write.span, base, next, lastMs, data.length, data)
      }
      return Number(changes)
    }
  }
}
