import { describe, expect, it } from 'vitest'
import { type AssigneeState, type Division, divide } from '../../../connectors/kafka-client/group-assigner.ts'
import { fc } from '../../support/fast-check.ts'

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `t/${index}`)

/** Any claims, even contradictory ones, of partitions that may not exist any more. */
const claims = fc
  .record({
    count: fc.nat(24),
    members: fc.uniqueArray(
      fc.record({
        memberId: fc.stringMatching(/^[a-f]{1,3}$/),
        owned: fc.uniqueArray(fc.nat(30), { maxLength: 12 }),
        releasing: fc.uniqueArray(fc.nat(30), { maxLength: 4 }),
        generation: fc.integer({ min: -1, max: 3 }),
      }),
      { selector: ({ memberId }) => memberId, minLength: 1, maxLength: 7 },
    ),
  })
  .map(({ count, members }) => ({
    partitions: names(count),
    members: members.map(({ owned, releasing, ...rest }) => ({
      ...rest,
      owned: owned.map((index) => `t/${index}`),
      releasing: releasing.filter((index) => !owned.includes(index)).map((index) => `t/${index}`),
    })),
  }))

const sizes = ({ given }: Division): number[] => [...given.values()].map(({ length }) => length)

/** The members after they have taken the division up and let go of what moved. */
function settled({ given }: Division, generation = 1): AssigneeState[] {
  return [...given].map(([memberId, owned]) => ({ memberId, owned, releasing: [], generation }))
}

const fresh = (memberId: string): AssigneeState => ({ memberId, owned: [], releasing: [], generation: -1 })

describe('a division', () => {
  it('gives every partition to exactly one member, nobody more than one above another', () => {
    fc.assert(
      fc.property(claims, ({ partitions, members }) => {
        const division = divide(partitions, members, false)
        expect([...division.given.values()].flat().sort()).toEqual([...partitions].sort())
        expect(Math.max(...sizes(division)) - Math.min(...sizes(division))).toBeLessThanOrEqual(1)
        expect(division.withheld).toEqual([])
      }),
    )
  })

  it('does not depend on the order of the members', () => {
    fc.assert(
      fc.property(claims, fc.infiniteStream(fc.nat()), ({ partitions, members }, stream) => {
        const shuffled = members
          .map((member) => ({ member, at: stream.next().value }))
          .sort((left, right) => left.at - right.at)
          .map(({ member }) => member)
        const byName = ({ given }: Division) => [...given].sort(([left], [right]) => (left < right ? -1 : 1))
        expect(byName(divide(partitions, shuffled, true))).toEqual(byName(divide(partitions, members, true)))
      }),
    )
  })

  it('withholds exactly what moves while another holds it, and gives it once that one has let go', () => {
    fc.assert(
      fc.property(claims, ({ partitions, members }) => {
        const division = divide(partitions, members, true)
        for (const [memberId, its] of division.given) {
          const others = members.filter((member) => member.memberId !== memberId)
          for (const partition of its) {
            expect(others.some(({ owned, releasing }) => [...owned, ...releasing].includes(partition))).toBe(false)
          }
        }
        expect([...division.given.values()].flat().concat(division.withheld).sort()).toEqual([...partitions].sort())
        expect(divide(partitions, settled(division), true).withheld).toEqual([])
      }),
    )
  })

  it('changes nothing when nothing has changed', () => {
    fc.assert(
      fc.property(claims, ({ partitions, members }) => {
        const first = divide(partitions, members, false)
        const again = divide(partitions, settled(first), true)
        for (const [memberId, its] of first.given)
          expect([...again.given.get(memberId)!].sort()).toEqual([...its].sort())
      }),
    )
  })

  it('moves only what a leaving member held', () => {
    fc.assert(
      fc.property(claims, fc.nat(), ({ partitions, members }, index) => {
        const before = settled(divide(partitions, members, false))
        fc.pre(before.length > 1)
        const gone = before[index % before.length]!
        const rest = before.filter((member) => member !== gone)
        const after = divide(partitions, rest, true)
        for (const { memberId, owned } of rest)
          expect(after.given.get(memberId)).toEqual(expect.arrayContaining([...owned]))
      }),
    )
  })

  it('takes from the others no more than a new member is to have', () => {
    fc.assert(
      fc.property(claims, ({ partitions, members }) => {
        const before = settled(divide(partitions, members, false))
        const after = divide(partitions, [...before, fresh('new')], false)
        const share = Math.floor(partitions.length / (before.length + 1))
        const moved = before.flatMap(({ memberId, owned }) =>
          owned.filter((each) => !after.given.get(memberId)!.includes(each)),
        )
        expect(moved).toHaveLength(after.given.get('new')!.length)
        expect(after.given.get('new')!.length).toBe(share)
      }),
    )
  })

  it('believes the later of two that claim the same', () => {
    const members = [
      { memberId: 'stale', owned: ['t/0', 't/1'], releasing: [], generation: 3 },
      { memberId: 'owner', owned: ['t/0', 't/1'], releasing: [], generation: 4 },
      fresh('third'),
    ]
    const { given } = divide(['t/0', 't/1'], members, false)
    expect(given.get('owner')).toEqual(['t/0'])
  })
})
