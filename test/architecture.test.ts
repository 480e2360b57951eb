import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const LAYERS = ['schemas', 'processors', 'topology', 'connectors', 'gateway', 'wiring', 'load'] as const

/** What each layer may import, besides itself. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  schemas: [],
  processors: ['schemas'],
  topology: ['schemas', 'processors'],
  connectors: ['schemas', 'topology'],
  gateway: ['schemas', 'topology'],
  wiring: ['schemas', 'processors', 'topology', 'connectors', 'gateway'],
  load: ['schemas', 'processors', 'topology', 'connectors', 'gateway', 'main.ts', 'test'],
}

/** Of the topology, connectors and gateway see ports only. */
const PORTS = [
  'topology/blobs/port.ts',
  'topology/environment.ts',
  'topology/log/',
  'topology/read-model/',
  'topology/schema-registry/',
  'topology/task/observer.ts',
  'topology/task/snapshot.ts',
  'topology/executor/observer.ts',
  'topology/tracing/port.ts',
  'topology/verify/',
  'topology/dry-run/port.ts',
]

/** Time, randomness and ids come through the environment. */
const IMPURE = /\b(Date\.now|Math\.random|setTimeout|setInterval|setImmediate|randomUUID|performance\.now)\b/
const MAY_BE_IMPURE = [
  /^connectors\/environment\.ts$/,
  /^load\//,
  /-(thread|worker)\.ts$/,
  /^processors\/execute\/blocks\/workers\/serve\.ts$/,
  // runs in the process of the device
  /^processors\/execute\/blocks\/gpu\/device\/unhurried\.ts$/,
]

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name) && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    relative(root, resolve(root, dirname(file), match[1]!)),
  )
}

describe.each(LAYERS)('%s', (layer) => {
  const files = sources(layer)

  it('has sources', () => {
    expect(files.length).toBeGreaterThan(0)
  })

  it('imports only what lies to its left', () => {
    const allowed = [layer, ...MAY_IMPORT[layer]!]
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => !allowed.includes(target.split('/')[0]!))
        .map((target) => `${file} imports ${target}`),
    )
    expect(wrong).toEqual([])
  })
})

describe('connectors and gateway', () => {
  it('know the topology by its ports alone', () => {
    const wrong = [...sources('connectors'), ...sources('gateway')].flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith('topology/') && !PORTS.some((port) => target.startsWith(port)))
        .map((target) => `${file} imports ${target}`),
    )
    expect(wrong).toEqual([])
  })
})

describe('sources', () => {
  const files = [...LAYERS.flatMap(sources), 'main.ts']

  it('take time and randomness from the environment', () => {
    const wrong = files
      .filter((file) => !MAY_BE_IMPURE.some((pattern) => pattern.test(file)))
      .filter((file) => IMPURE.test(withoutComments(readFileSync(join(root, file), 'utf8'))))
    expect(wrong).toEqual([])
  })

  it('have at most 500 lines a file', () => {
    const long = files
      .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > 500)
    expect(long).toEqual([])
  })
})

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
}

describe('tests', () => {
  it('try the same cases every time', () => {
    const own = sources('test').filter((file) =>
      /^import .* from 'fast-check'/m.test(readFileSync(join(root, file), 'utf8')),
    )
    expect(
      own.filter((file) => file !== 'test/support/fast-check.ts'),
      'take fc from test/support/fast-check.ts',
    ).toEqual([])
  })
})
