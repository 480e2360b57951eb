import { describe, expect, it } from 'vitest'
import { resolveSecret, type Secret } from '../../../gateway/config/secret.ts'
import { parseSize } from '../../../gateway/config/size.ts'

const sources = {
  variables: { TOKEN: 'abc', EMPTY: '' },
  readFile: (path: string) => {
    if (path === '/run/secret') return 'hunter2\n'
    throw Object.assign(new Error('no'), { code: 'ENOENT' })
  },
}

describe('resolveSecret', () => {
  it.each([
    [{ kind: 'file', path: '/run/secret' }, 'hunter2'],
    [{ kind: 'env', name: 'TOKEN' }, 'abc'],
    [{ kind: 'plain', value: ' as it is ' }, ' as it is '],
  ] as const)('%j', (secret: Secret, expected) => {
    expect(resolveSecret(secret, sources)).toBe(expected)
  })

  it.each([
    [{ kind: 'file', path: '/gone' }, /read from \/gone, which cannot be read: ENOENT/],
    [{ kind: 'env', name: 'MISSING' }, /the variable MISSING, which is not set/],
    [{ kind: 'env', name: 'EMPTY' }, /the variable EMPTY, which is not set/],
  ] as const)('%j is refused', (secret: Secret, expected) => {
    expect(() => resolveSecret(secret, sources)).toThrow(expected)
  })
})

describe('parseSize', () => {
  it.each([
    ['512B', 512],
    ['64KiB', 65_536],
    ['1.5GiB', 1_610_612_736],
    ['16MB', null],
    ['-1KiB', null],
    ['', null],
  ])('%s', (text, expected) => {
    expect(parseSize(text)).toBe(expected)
  })
})
