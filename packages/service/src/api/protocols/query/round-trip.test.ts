/** Everything that the model has, through an unmodified client of AWS and back: requests, answers and errors. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as sdk from '@aws-sdk/client-elasticache'
import fc from 'fast-check'
import { Fault } from '../../../errors.ts'
import { createMemoryStore } from '../../../store/memory.ts'
import type { DispatchDependencies } from '../../dispatch.ts'
import { withOperation } from '../../markers.ts'
import type { Actions } from '../../service.ts'
import { testContext } from '../../services/elasticache/test-context.ts'
import { clientOf, unaudited, verifierAt } from '../../testing.ts'
import { errors, operations, type Structure, type Type } from './schema.ts'

type Send = (command: object) => Promise<Record<string, unknown>>
type CommandClass = new (input: object) => object
type ErrorClass = new (options: { message: string; $metadata: object }) => Error

const exported = sdk as unknown as Readonly<Record<string, unknown>>
const commandOf = (operation: string): CommandClass => exported[`${operation}Command`] as CommandClass

const toy: { input: unknown; act: () => object } = { input: undefined, act: () => ({}) }
const toyActions: Actions = Object.fromEntries(
  [...operations.keys()].map((name) => [
    name,
    async (input: never) => {
      toy.input = input
      return toy.act()
    },
  ]),
)
const context = testContext(createMemoryStore())
const problems: unknown[] = []
const dependencies: DispatchDependencies = {
  verifier: verifierAt(() => Date.now()),
  actions: toyActions,
  context: () => context,
  log: (...entry) => problems.push(entry),
  ...unaudited,
}
const client = clientOf(dependencies)
const send: Send = (command) => client.send(command as never) as Promise<object> as Promise<Record<string, unknown>>

/** What XML 1.0 can carry. */
const carried = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u
const text = fc
  .oneof(
    fc.string({ maxLength: 12 }),
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.constantFrom(
      '',
      ' ',
      ' a ',
      '&amp;',
      '<x>',
      ']]>',
      '"\'',
      'a\r\nb',
      '%41+&=',
      'ä€😀',
      '__proto__',
      '0',
      'true',
      '1e3',
      '\t',
    ),
  )
  .filter((value) => carried.test(value))

interface Numbers {
  readonly number: fc.Arbitrary<number>
}

const hasContent = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length > 0

/** `depth`: how many structures may stand in each other; below that only what is required, and strings. */
const arbitraryOf = (type: Type, numbers: Numbers, depth: number): fc.Arbitrary<unknown> => {
  switch (type.kind) {
    case 'string':
      return text
    case 'number':
      return numbers.number
    case 'boolean':
      return fc.boolean()
    case 'time':
      return fc.integer({ min: 0, max: 4_102_444_800_000 }).map((ms) => new Date(ms))
    case 'structure':
      return structureOf(type.structure(), numbers, depth - 1)
    case 'list': {
      const item = arbitraryOf(type.item(), numbers, depth)
      // A form has no way to say that an item is there and empty.
      const present = type.item().kind === 'structure' ? item.filter((each) => hasContent(sayable(each))) : item
      return depth <= 0 ? fc.constant([]) : fc.array(present, { maxLength: 3 })
    }
  }
}

const structureOf = (schema: Structure, numbers: Numbers, depth = 5): fc.Arbitrary<Record<string, unknown>> => {
  const members = schema.members.filter(({ type, required }) => required || depth > 0 || type.kind === 'string')
  const model = Object.fromEntries(
    members.map(({ name, type }) => [name, fc.option(arbitraryOf(type, numbers, depth), { freq: 2 })]),
  )
  const always = schema.members.filter(({ required }) => required)
  return fc.record(model).chain((made) => {
    const given = Object.fromEntries(Object.entries(made).filter(([, value]) => value !== null))
    const missing = always.filter(({ name }) => given[name] === undefined)
    return fc
      .record(Object.fromEntries(missing.map(({ name, type }) => [name, arbitraryOf(type, numbers, depth)])))
      .map((rest) => ({ ...given, ...rest }))
  })
}

/** A form cannot say that a structure is there and empty either. */
const sayable = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sayable)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, member]) => [name, sayable(member)] as const)
      .filter(
        ([, member]) =>
          typeof member !== 'object' || member === null || member instanceof Date || Array.isArray(member) || hasContent(member),
      ),
  )
}

const integers: Numbers = { number: fc.integer() }
const doubles: Numbers = {
  number: fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  ),
}
const runs = { numRuns: 20 }

/** The class that all others extend is in the model of the SDK; no service answers it. */
const base = 'ElastiCacheServiceException'
const shapes = [...errors].filter(([shape]) => shape !== base)

test('the model has 75 operations and 76 errors', () => {
  assert.equal(operations.size, 75)
  assert.equal(shapes.length, 76)
})

/** Markers alone are not as they were: each names its operation on the wire (`api/markers.ts`). */
for (const [name, { input, output }] of operations) {
  test(`${name}: what the client sends is what the action gets`, async () => {
    toy.act = () => ({})
    await fc.assert(
      fc.asyncProperty(structureOf(input, integers), async (made) => {
        await send(new (commandOf(name))(withOperation(name, made)))
        assert.deepEqual(toy.input, sayable(made))
      }),
      runs,
    )
  })

  test(`${name}: what the action answers is what the client gets`, async () => {
    const needed = fc.sample(structureOf(input, integers), { numRuns: 1, seed: 1 })[0]
    await fc.assert(
      fc.asyncProperty(structureOf(output, doubles), async (made) => {
        toy.act = () => made
        const { $metadata, ...got } = await send(new (commandOf(name))(withOperation(name, needed ?? {})))
        assert.deepEqual(got, withOperation(name, made))
        assert.equal(($metadata as { httpStatusCode?: number }).httpStatusCode, 200)
      }),
      runs,
    )
  })
}

test('each error arrives as the class that the SDK has for it, with its status', async () => {
  for (const [shape, { code, status }] of shapes) {
    toy.act = () => {
      throw new Fault(shape, `a message of ${shape} <&>`)
    }
    const Expected = exported[shape] as ErrorClass
    await assert.rejects(send(new sdk.DescribeEventsCommand({})), (error: unknown) => {
      assert.ok(error instanceof Expected, `expected a ${shape}, found ${String(error)}`)
      const { $metadata, message, name, $fault } = error as Error & {
        $metadata: { httpStatusCode: number }
        $fault: string
      }
      assert.equal($metadata.httpStatusCode, status, shape)
      assert.equal(message, `a message of ${shape} <&>`)
      assert.equal(name, shape)
      assert.equal($fault, status >= 500 ? 'server' : 'client', shape)
      assert.ok(code.length > 0)
      return true
    })
  }
})

test('a failure of our own arrives as a failure of the server, without its cause', async () => {
  problems.length = 0
  toy.act = () => {
    throw new TypeError('a secret thought')
  }
  await assert.rejects(send(new sdk.DescribeEventsCommand({})), (error: unknown) => {
    const { name, message, $metadata } = error as Error & { $metadata: { httpStatusCode: number } }
    assert.equal(name, 'InternalFailure')
    assert.equal($metadata.httpStatusCode, 500)
    assert.doesNotMatch(message, /secret/)
    return true
  })
  assert.equal(problems.length, 1)
})

test('an answer with a member that the model does not have is a failure of our own', async () => {
  toy.act = () => ({ Surprise: 1 })
  await assert.rejects(send(new sdk.DescribeEventsCommand({})), { name: 'InternalFailure' })
})
