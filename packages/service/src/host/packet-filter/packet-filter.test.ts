/** Changes of rules, by an nft that is slow, hangs, dies, answers late or talks rubbish. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LarderError } from '../../errors.ts'
import { until } from '../../testing/busy-machine.ts'
import { readCommandLine } from '../proc.ts'
import { content, type FakeNft, withFakeNft } from './testing.ts'

const table = 'larder_x'
const quick = { deadlineMs: 1_500, patienceMs: 100, lifeMs: 400 }

const put = ({ filter }: FakeNft, number: number): Promise<void> => filter.put(table, content(number))

/** Those that hang: they stand in the folder of the home, whatever program they have become. */
const processesIn = (home: string): number =>
  readdirSync('/proc').filter((name) => /^\d+$/.test(name) && readCommandLine(Number(name)).includes(`${home}/nft`)).length

const mayTryAgain =
  (code: string, words = /./) =>
  (error: unknown) =>
    error instanceof LarderError && error.code === code && error.retry && words.test(error.message)

test('one process carries all changes out, and each is in force when its call resolves', () =>
  withFakeNft(async (fake) => {
    for (let number = 1; number <= 40; number += 1) {
      await put(fake, number)
      assert.equal(fake.inForce(), number)
    }
    assert.deepEqual([fake.started('all'), fake.started('one')], [1, 0])
    await fake.filter.put(table, null)
    assert.equal(fake.inForce(), -1)
    assert.equal(await fake.filter.note(table), null)
  }))

test('changes that come during another share the next', () =>
  withFakeNft(async (fake) => {
    fake.behave('all', 'late')
    const all = Array.from({ length: 20 }, (_, index) => put(fake, index + 1))
    fake.go()
    await Promise.all(all)
    assert.equal(fake.inForce(), 20)
    assert.ok(fake.started('all') + fake.started('one') <= 5, 'a few processes for all')
  }))

test('the file says what is to be in force before the kernel does', () =>
  withFakeNft(async (fake) => {
    await put(fake, 1)
    fake.behave('all', 'late')
    const second = put(fake, 2)
    await until('the file is written', async () => (await fake.filter.note(table)) === '2')
    assert.equal(fake.inForce(), 1)
    fake.go()
    await second
  }))

for (const how of ['die', 'rubbish', 'wrong', 'hang'] as const) {
  test(`where the nft that stays does this: ${how}, a process of its own makes the change, and none is mixed up`, () =>
    withFakeNft(
      async (fake) => {
        await put(fake, 1)
        fake.behave('all', how)
        await put(fake, 2)
        assert.equal(fake.inForce(), 2)
        assert.ok(fake.started('one') >= 1)
        fake.behave('all', 'well')
        await put(fake, 3)
        assert.equal(fake.inForce(), 3)
      },
      { timing: quick },
    ))
}

test('the nft that stays is there again after it was killed', () =>
  withFakeNft(async (fake) => {
    await put(fake, 1)
    fake.behave('all', 'die')
    await put(fake, 2)
    fake.behave('all', 'well')
    let number = 3
    await until('another one is started', async () => {
      await put(fake, number)
      assert.equal(fake.inForce(), number)
      number += 1
      return fake.started('all') === 2
    })
  }))

test('what nft refuses is told in its words, by whichever way, and spoils nothing that follows', () =>
  withFakeNft(async (fake) => {
    for (const [all, one] of [
      ['refuse', 'well'],
      ['die', 'refuse'],
    ] as const) {
      fake.behave('all', all)
      fake.behave('one', one)
      await assert.rejects(put(fake, 1), mayTryAgain('machine', /Could not process rule/))
    }
    fake.behave('all', 'well')
    fake.behave('one', 'well')
    await put(fake, 2)
    assert.equal(fake.inForce(), 2)
  }))

test('while nft hangs callers are told after their deadline, and a later call waits for none of the hung ones', () =>
  withFakeNft(
    async (fake) => {
      fake.behave('all', 'hang')
      fake.behave('one', 'hang')
      const from = performance.now()
      const failed = [put(fake, 1), put(fake, 2)].map((call) =>
        assert.rejects(call, mayTryAgain('deadline', /nft does not answer/)),
      )
      await Promise.all(failed)
      assert.ok(performance.now() - from < 5_000)
      const hung = put(fake, 3)
      await until('it hangs again', () => fake.started('one') > 1)
      fake.behave('all', 'well')
      fake.behave('one', 'well')
      const since = performance.now()
      await Promise.all([hung, put(fake, 4)])
      assert.ok(performance.now() - since < 1_000, `${performance.now() - since} ms`)
      assert.equal(fake.inForce(), 4)
    },
    { timing: quick },
  ))

test('of hung attempts only a few are there at once, and none is left when the last caller has been told', () =>
  withFakeNft(
    async (fake) => {
      fake.behave('all', 'hang')
      fake.behave('one', 'hang')
      const hung = (): number => processesIn(fake.home)
      const call = assert.rejects(put(fake, 1), mayTryAgain('deadline'))
      let most = 0
      const counting = setInterval(() => {
        most = Math.max(most, hung())
      }, 20)
      await call
      clearInterval(counting)
      assert.ok(most <= 4, `${most} at once`)
      await until('none is left', () => hung() === 0)
    },
    { timing: quick },
  ))

test('an nft that takes two seconds for each change makes them all the same', () =>
  withFakeNft(async (fake) => {
    fake.behave('all', 'slow')
    fake.behave('one', 'slow')
    await Promise.all([put(fake, 1), put(fake, 2)])
    await until('the last one is in force', () => fake.inForce() === 2)
  }))

test('an older attempt that goes on after a newer one undoes nothing', () =>
  withFakeNft(
    async (fake) => {
      await put(fake, 1)
      fake.behave('all', 'die')
      fake.behave('one', 'late')
      const older = put(fake, 2)
      await until('the older one waits', () => fake.started('one') === 1)
      fake.behave('one', 'well')
      await put(fake, 3)
      await older
      assert.equal(fake.inForce(), 3)
      fake.go()
      const look = performance.now()
      await until('time enough for the older one', () => performance.now() - look > 200)
      assert.equal(fake.inForce(), 3)
    },
    { timing: quick },
  ))

test('where no file can be written the rules are put in force without, and no old file is left for the keeper', () => {
  const lines: string[] = []
  return withFakeNft(
    async (fake) => {
      await put(fake, 1)
      const inTheWay = join(fake.folder, `${table}.nft.new`)
      mkdirSync(inTheWay)
      await put(fake, 2)
      await put(fake, 3)
      assert.equal(fake.inForce(), 3)
      assert.equal(existsSync(join(fake.folder, `${table}.nft`)), false)
      assert.equal(lines.filter((line) => /could not be written/.test(line)).length, 1)
      rmSync(inTheWay, { recursive: true })
      await put(fake, 4)
      assert.match(readFileSync(join(fake.folder, `${table}.nft`), 'utf8'), /^# 4\ntable ip larder_x \{/)
    },
    { log: (_level, message) => lines.push(message) },
  )
})

test('a name that is no table of Larder reaches nft in no way', () =>
  withFakeNft(async ({ filter, inForce, started }) => {
    for (const name of ['filter', 'larder_x; flush ruleset', '../larder_x', ''])
      await assert.rejects(filter.put(name, content(1)), LarderError)
    assert.deepEqual([inForce(), started('all'), started('one')], [-1, 0, 0])
  }))
