import type { Manifest, ManifestEntry } from '../manifest.ts';

/**
 * The SAM template of dist/lambda: an HTTP API with a route for every function, a schedule for every tick, and a
 * $default route for what no other takes. Deploy it as it is: everything is built already.
 */
export const samTemplate = ({ functions }: Manifest): string => `${head}${functions.map(resourceOf).join('')}${tail}`;

const head = `AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Description: Escapement, every endpoint and every tick a function behind an HTTP API.

Parameters:
  LibsqlUrl:
    Type: String
    Description: The database, libsql://… or https://…
  LibsqlAuthToken:
    Type: String
    NoEcho: true
    Description: The token of the database
  BootstrapAdminToken:
    Type: String
    NoEcho: true
    Default: ''
    Description: The first admin's token. Empty it when an admin is in the database
  TickSecret:
    Type: String
    NoEcho: true
    Default: ''
    Description: What POST /v1/ticks/{name} wants in x-tick-secret. Needed for wakes
  ProcessorUrl:
    Type: String
    Default: ''
    Description: Where wakes go, the output ApiUrl of the first deployment. Without it a job waits for the next schedule
  EmailUrl:
    Type: String
    NoEcho: true
    Default: ''
    Description: The mail server of sendEmail, smtps://user:password@host
  EmailFrom:
    Type: String
    Default: ''
    Description: The sender of sendEmail
  WebhookSecret:
    Type: String
    NoEcho: true
    Default: ''
    Description: The key that signs webhooks, whsec_…
  TickSchedule:
    Type: String
    Default: rate(1 minute)
    Description: How often the ticks start. A minute is the shortest that EventBridge knows
  Processors:
    Type: Number
    Default: 0
    MinValue: 0
    Description: Most invocations of process-batch at once. 0 leaves that to the account
  LogRetentionDays:
    Type: Number
    Default: 30
    AllowedValues: [1, 3, 5, 7, 14, 30, 60, 90, 180, 365]
    Description: How long CloudWatch keeps the logs

Conditions:
  LimitProcessors: !Not [!Equals [!Ref Processors, 0]]

Globals:
  Function:
    Runtime: nodejs22.x
    Architectures: [arm64]
    CodeUri: .
    MemorySize: 512
    Timeout: 29
    LoggingConfig:
      LogGroup: !Ref Logs
      LogFormat: JSON
    Environment:
      Variables:
        LIBSQL_URL: !Ref LibsqlUrl
        LIBSQL_AUTH_TOKEN: !Ref LibsqlAuthToken
        BOOTSTRAP_ADMIN_TOKEN: !Ref BootstrapAdminToken
        TICK_SECRET: !Ref TickSecret
        PROCESSOR_URL: !Ref ProcessorUrl
        EMAIL_URL: !Ref EmailUrl
        EMAIL_FROM: !Ref EmailFrom
        WEBHOOK_SECRET: !Ref WebhookSecret
        # Hosts have clocks of their own: the database's counts.
        CLOCK: database
        # Schedules start a tick once a minute; it waits that long for what falls due.
        TICK_LINGER_MS: '55000'
        TICK_BUDGET_MS: '50000'

Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      StageName: $default

  Logs:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      RetentionInDays: !Ref LogRetentionDays
`;

const tail = `
  Unrouted:
    Type: AWS::Serverless::Function
    Metadata:
      SkipBuild: true
    Properties:
      Description: The problem for a request that no other route takes
      Handler: unrouted.handler
      Events:
        Default:
          Type: HttpApi
          Properties: { ApiId: !Ref Api }

Outputs:
  ApiUrl:
    Description: Where the API is, and what ProcessorUrl may be set to
    Value: !GetAtt Api.ApiEndpoint
`;

const resourceOf = (entry: ManifestEntry): string => `
  ${logicalId(entry.name)}:
    Type: AWS::Serverless::Function
    Metadata:
      SkipBuild: true
    Properties:
      Description: ${entry.summary}
      Handler: ${entry.name}.handler
${entry.kind === 'tick' ? limitsOf(entry) : ''}      Events:
${eventsOf(entry)}`;

const logicalId = (name: string): string =>
  name.replaceAll(/(^|-)(\w)/g, (_, _dash: string, letter: string) => letter.toUpperCase());

/** A tick stops by itself before its time is over; a second try would be the next tick's work. */
const limitsOf = ({ name }: ManifestEntry): string => `      Timeout: 900
      EventInvokeConfig: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 }
${
  name === 'process-batch'
    ? '      ReservedConcurrentExecutions: !If [LimitProcessors, !Ref Processors, !Ref AWS::NoValue]\n'
    : ''
}`;

function eventsOf({ kind, method, path }: ManifestEntry): string {
  const route = (id: string, verb: string): string => `        ${id}:
          Type: HttpApi
          Properties: { ApiId: !Ref Api, Method: ${verb}, Path: '${path}' }
`;
  // API Gateway does not take a HEAD for a GET by itself.
  const head = method === 'GET' ? route('Head', 'HEAD') : '';
  const schedule = `        Schedule:
          Type: Schedule
          Properties: { Schedule: !Ref TickSchedule }
`;
  return route('Http', method) + head + (kind === 'tick' ? schedule : '');
}
