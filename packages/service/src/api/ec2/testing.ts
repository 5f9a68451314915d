/** For tests of EC2: requests as `answerEc2` gets them, and what stands in its answers. */
import { rejects, type TestContext } from '../actions/test-context.ts'
import { answerEc2 } from './answer.ts'

export type Input = Readonly<Record<string, string>>

export const ask = (context: TestContext, name: string, input: Input = {}): Promise<string> =>
  answerEc2(name, new Map(Object.entries(input)), context, 'id')

export const refuses = (context: TestContext, name: string, input: Input, code: string, message: RegExp): Promise<void> =>
  rejects(context, () => ask(context, name, input), code, message)

export const valuesOf = (answer: string, element: string): readonly string[] =>
  [...answer.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'))].map((match) => match[1] ?? '')

/** `{ 'Filter.1.Name': name, 'Filter.1.Value.1': value }` for each. */
export const filters = (wanted: Readonly<Record<string, string>>): Input =>
  Object.fromEntries(
    Object.entries(wanted).flatMap(([name, value], index) => [
      [`Filter.${index + 1}.Name`, name],
      [`Filter.${index + 1}.Value.1`, value],
    ]),
  )
