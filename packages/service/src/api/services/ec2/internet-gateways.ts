/** Internet gateways: made, attached to a VPC, shown. Nothing passes through them. */
import { Fault } from '../../../errors.ts'
import type { InternetGatewayRecord } from '../../../model/vpc.ts'
import { absent, put, remove } from '../../../ports/records.ts'
import { element, items, needed, refuseDryRun, refuseOthers, tagSet } from '../../protocols/ec2.ts'
import { untilWritten, write } from '../../writing.ts'
import type { Ec2Operation } from './groups.ts'
import { allOf, describeOf, findOf, held, internetGateways, inUse, keyOf, newId, refuseUsual, vpcs } from './resources.ts'
import { tagsOfNew } from './tags.ts'

const gatewayXml = ({ id, vpc, tags }: InternetGatewayRecord, account: string): string =>
  element('internetGatewayId', id) +
  items('attachmentSet', vpc === null ? [] : [element('vpcId', vpc) + element('state', 'available')]) +
  element('ownerId', account) +
  tagSet(tags)

export const createInternetGateway: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['TagSpecification'])
  const tags = tagsOfNew(parameters, internetGateways.type)
  refuseDryRun(parameters)
  const record: InternetGatewayRecord = { region: context.region, id: newId(internetGateways), vpc: null, tags }
  const key = keyOf(internetGateways, context.region, record.id)
  await untilWritten('the internet gateway', async () =>
    (await write(context, [absent(key)], [put(key, record)], [])) ? true : null,
  )
  return `<internetGateway>${gatewayXml(record, context.account)}</internetGateway>`
}

export const describeInternetGateways: Ec2Operation = (parameters, context) =>
  describeOf(parameters, context, internetGateways, {
    ...{ ids: 'InternetGatewayId', set: 'internetGatewaySet' },
    filters: {
      'internet-gateway-id': ({ id }) => [id],
      'attachment.vpc-id': ({ vpc }) => (vpc === null ? [] : [vpc]),
      'attachment.state': ({ vpc }) => (vpc === null ? [] : ['available']),
      'owner-id': () => [context.account],
    },
    xml: (gateway) => gatewayXml(gateway, context.account),
  })

const both = ['InternetGatewayId', 'VpcId']

export const attachInternetGateway: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, both)
  const [id, vpcId] = [needed(parameters, 'InternetGatewayId'), needed(parameters, 'VpcId')]
  return untilWritten('the internet gateway', async () => {
    const { key, value, condition } = await findOf(context, internetGateways, id)
    const [conditions, operations] = held(await findOf(context, vpcs, vpcId))
    if (value.vpc !== null)
      throw new Fault('Resource.AlreadyAssociated', `resource ${id} is already attached to network ${value.vpc}`)
    if ((await allOf(context, internetGateways)).some(({ vpc }) => vpc === vpcId))
      throw new Fault('InvalidParameterValue', `Network ${vpcId} already has an internet gateway attached`)
    refuseDryRun(parameters)
    const attached = put(key, { ...value, vpc: vpcId })
    return (await write(context, [condition, ...conditions], [attached, ...operations], [])) ? element('return', true) : null
  })
}

export const detachInternetGateway: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, both)
  const [id, vpcId] = [needed(parameters, 'InternetGatewayId'), needed(parameters, 'VpcId')]
  return untilWritten('the internet gateway', async () => {
    const { key, value, condition } = await findOf(context, internetGateways, id)
    await findOf(context, vpcs, vpcId)
    if (value.vpc !== vpcId) throw new Fault('Gateway.NotAttached', `resource ${id} is not attached to network ${vpcId}`)
    refuseDryRun(parameters)
    return (await write(context, [condition], [put(key, { ...value, vpc: null })], [])) ? element('return', true) : null
  })
}

export const deleteInternetGateway: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['InternetGatewayId'])
  const id = needed(parameters, 'InternetGatewayId')
  return untilWritten('the internet gateway', async () => {
    const { key, value, condition } = await findOf(context, internetGateways, id)
    if (value.vpc !== null) throw inUse(internetGateways, id)
    await refuseUsual(context, internetGateways, id)
    refuseDryRun(parameters)
    return (await write(context, [condition], [remove(key)], [])) ? element('return', true) : null
  })
}
