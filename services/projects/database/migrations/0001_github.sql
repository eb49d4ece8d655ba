CREATE TABLE "projects"."github_installations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"installation_id" bigint NOT NULL,
	"account_login" text,
	"account_type" text,
	"target_type" text,
	"permissions" jsonb,
	"suspended_at" timestamp (3) with time zone,
	"sync_version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "github_installations_once" UNIQUE("user_id","installation_id")
);
--> statement-breakpoint
CREATE TABLE "projects"."sync_jobs" (
	"user_id" uuid NOT NULL,
	"installation_id" bigint NOT NULL,
	"due_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"request_id" text NOT NULL,
	CONSTRAINT "sync_jobs_user_id_installation_id_pk" PRIMARY KEY("user_id","installation_id")
);
--> statement-breakpoint
ALTER TABLE "projects"."repos" ALTER COLUMN "remote_url" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "projects"."repos" ALTER COLUMN "remote_key" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "projects"."repos" ADD COLUMN "github_id" bigint;--> statement-breakpoint
ALTER TABLE "projects"."repos" ADD COLUMN "github_installation_id" bigint;--> statement-breakpoint
CREATE INDEX "github_installations_by_id" ON "projects"."github_installations" USING btree ("installation_id");--> statement-breakpoint
CREATE INDEX "sync_jobs_due" ON "projects"."sync_jobs" USING btree ("due_at");--> statement-breakpoint
CREATE UNIQUE INDEX "repos_unique_github" ON "projects"."repos" USING btree ("user_id","github_id",md5(coalesce(root_directory, '')));--> statement-breakpoint
CREATE INDEX "repos_by_installation" ON "projects"."repos" USING btree ("github_installation_id");--> statement-breakpoint
ALTER TABLE "projects"."repos" ADD CONSTRAINT "repos_provider" CHECK ((provider = 'github' and github_id is not null and remote_url is null and remote_key is null and credential is null)
        or (provider = 'git' and github_id is null and github_installation_id is null and remote_url is not null and remote_key is not null));