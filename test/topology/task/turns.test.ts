import { describe, expect, it } from 'vitest'
import { Turns } from '../../../topology/task/turns.ts'

function setup() {
  let now = 0
  const pending: (() => void)[] = []
  const turns = new Turns({ monotonic: () => now, soon: (callback) => void pending.push(callback) })
  const done: string[] = []
  return {
    turns,
    done,
    /** A step that takes so long. */
    step: (name: string, ms: number, then: () => void = () => {}) => {
      return (): void => {
        now += ms
        done.push(name)
        then()
      }
    },
    /** One turn of the event loop; what was done in it. */
    turn(): string[] {
      const before = done.length
      for (const callback of pending.splice(0)) callback()
      return done.slice(before)
    },
    pending: () => pending.length,
  }
}

describe('Turns', () => {
  it('takes what is quick in one turn of the event loop, in order', () => {
    const { turns, step, turn, pending } = setup()
    for (const name of ['a', 'b', 'c']) turns.soon(step(name, 1))
    expect(pending()).toBe(1)
    expect(turn()).toEqual(['a', 'b', 'c'])
    expect(pending()).toBe(0)
  })

  it('leaves the event loop to others after a slice, and goes on where it was', () => {
    const { turns, step, turn } = setup()
    for (const name of ['a', 'b', 'c', 'd']) turns.soon(step(name, 5))
    expect([turn(), turn(), turn()]).toEqual([['a', 'b'], ['c', 'd'], []])
  })

  it('gives the others their turn when one throws', () => {
    const { turns, step, turn } = setup()
    turns.soon(() => {
      throw new Error('broken')
    })
    turns.soon(step('b', 1))
    expect(turn).toThrow('broken')
    expect(turn()).toEqual(['b'])
  })

  it('takes one at least, however long it is', () => {
    const { turns, step, turn } = setup()
    for (const name of ['a', 'b']) turns.soon(step(name, 50))
    expect([turn(), turn()]).toEqual([['a'], ['b']])
  })

  it('who asks again waits behind the others', () => {
    const { turns, step, turn } = setup()
    turns.soon(step('a', 5, () => turns.soon(step('a again', 5))))
    for (const name of ['b', 'c']) turns.soon(step(name, 5))
    expect([turn(), turn()]).toEqual([
      ['a', 'b'],
      ['c', 'a again'],
    ])
  })

  it('asked for during a turn, comes in a later one', () => {
    const { turns, step, turn } = setup()
    turns.soon(step('a', 0, () => turns.soon(step('b', 0))))
    expect([turn(), turn()]).toEqual([['a'], ['b']])
  })
})
