/** For tests of EC2: requests as `answerEc2` gets them, and what stands in its answers. */
import assert from 'node:assert/strict'
import { rejects, type TestContext, testContext } from '../elasticache/test-context.ts'
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

/** A context as the service makes it: subnets that nobody made are refused. */
export const network = (): TestContext => ({ ...testContext(), unknownSubnets: 'refused' })

export const one = (answer: string, element: string): string => {
  const [value = ''] = valuesOf(answer, element)
  assert.notEqual(value, '', `${element} in ${answer}`)
  return value
}

export const newVpc = async (context: TestContext, cidr = '10.0.0.0/16', more: Input = {}): Promise<string> =>
  one(await ask(context, 'CreateVpc', { CidrBlock: cidr, ...more }), 'vpcId')

export const newSubnet = async (context: TestContext, vpc: string, cidr: string, more: Input = {}): Promise<string> =>
  one(await ask(context, 'CreateSubnet', { VpcId: vpc, CidrBlock: cidr, ...more }), 'subnetId')

export const three = async (context: TestContext, vpc: string): Promise<readonly string[]> => {
  const ids: string[] = []
  for (const number of [1, 2, 3]) ids.push(await newSubnet(context, vpc, `10.0.${number}.0/24`))
  return ids
}
