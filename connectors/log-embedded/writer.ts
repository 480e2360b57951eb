/** The writer: the one connection that changes the database; each group of records and changes is one transaction. */
import type { DatabaseSync } from 'node:sqlite'
import { eachRow } from './changelog-codec.ts'
import type { MaintenanceWrite, WriteGroup } from './protocol.ts'
import { BATCH_FIELDS, CHANGELOG_FIELDS } from './protocol.ts'

type Statements = ReturnType<typeof prepare>

function prepare(database: DatabaseSync) {
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    batch: database.prepare('INSERT INTO batches (span, base, next, last_ms, bytes, data) VALUES (?, ?, ?, ?, ?, ?)'),
    changelog: database.prepare('INSERT INTO changelog (task, position, bytes, data) VALUES (?, ?, ?, ?)'),
    committed: database.prepare(
      'INSERT INTO committed (span, next) VALUES (?, ?) ON CONFLICT (span) DO UPDATE SET next = excluded.next',
    ),
    progress: database.prepare(
      'INSERT INTO committed VALUES (?, ?, ?) ON CONFLICT (span) DO UPDATE SET next = excluded.next, beyond = excluded.beyond',
    ),
    putState: database.prepare('INSERT OR REPLACE INTO state VALUES (?, ?, ?)'),
    deleteState: database.prepare('DELETE FROM state WHERE task = ? AND key = ?'),
    folded: database.prepare('INSERT OR REPLACE INTO tasks VALUES (?, ?)'),
    dropChangelog: database.prepare(
      'DELETE FROM changelog WHERE id IN (SELECT id FROM changelog WHERE task = ? AND position <= ? ORDER BY position LIMIT ?)',
    ),
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
  const { buffer, batches, changelog, offsets } = group
  for (let i = 0; i < batches.length; i += BATCH_FIELDS) {
    const length = batches[i + 5]!
    const data = new Uint8Array(buffer, batches[i + 4]!, length)
    statements.batch.run(batches[i]!, batches[i + 1]!, batches[i + 2]!, batches[i + 3]!, length, data)
  }
  for (let i = 0; i < changelog.length; i += CHANGELOG_FIELDS) {
    const length = changelog[i + 3]!
    statements.changelog.run(
      changelog[i]!,
      changelog[i + 1]!,
      length,
      new Uint8Array(buffer, changelog[i + 2]!, length),
    )
  }
  for (let i = 0; i < offsets.length; i += 2) statements.committed.run(offsets[i]!, offsets[i + 1]!)
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
    case 'drop-changelog':
      return Number(statements.dropChangelog.run(write.task, write.through, write.limit).changes)
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
