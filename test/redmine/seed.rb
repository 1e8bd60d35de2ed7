# frozen_string_literal: true

# Fills a fresh Redmine with a company's worth of work, through Redmine's own models: what Redmine would not allow cannot get in.
# Run by redmine.ts with `rails runner`, which also loads Redmine's default data; the rest of the world comes by REST (seed.ts).
# Prints one JSON object, the last line of its output: see `Seeded` in seed.ts.
#
# Everything is deterministic: no random numbers, so that two runs differ only in tokens and times.

require 'json'

# Nobody reads our mail, and composing one per change costs more than the change.
ActionMailer::Base.perform_deliveries = false
Rails.logger.level = :warn
Redmine::DefaultData::Loader.load('en')
Setting.rest_api_enabled = '1'
Setting.notified_events = []
Setting.login_required = '0'

FIRST_NAMES = %w[
  Alice Bob Carol Dave Erin Frank Grace Heidi Ivan Judy Kim Liam Mallory Nina Oscar Peggy Quentin Rupert Sybil Trent
  Ursula Victor Walter Xenia Yusuf Zoe Amir Bianca Chen Dora Emil Fiona Goran Hana Igor Jana Karl Lena Milan Nora
  Omar Paula
].freeze
LAST_NAMES = %w[Ahrens Becker Cohen Dubois Eriksen Fischer Garcia Haddad].freeze

def person(login, first, last, **more)
  user = User.new(firstname: first, lastname: last, mail: "#{login}@example.com", language: 'en', mail_notification: 'none')
  user.login = login
  user.password = "#{login}-password"
  user.assign_attributes(more)
  user.save!
  user
end

def in_one_transaction(&block)
  ActiveRecord::Base.transaction(&block)
end

people = {}
projects = {}
issues_made = 0

in_one_transaction do
  # The account that every Redmine starts with, and one more administrator. The offboarding needs at least one that stays.
  admin = User.find_by!(login: 'admin')
  admin.update!(must_change_passwd: false, firstname: 'Break', lastname: 'Glass', mail: 'admin@example.com')
  people['admin'] = admin
  people['olivia'] = person('olivia', 'Olivia', 'Operator', admin: true)
  FIRST_NAMES.each_with_index do |first, index|
    people[first.downcase] = person(first.downcase, first, LAST_NAMES[index % LAST_NAMES.size])
  end
  people['svc-build'] = person('svc-build', 'Build', 'Server')
end

ROLES = { manager: 'Manager', developer: 'Developer', reporter: 'Reporter' }.transform_values { |name| Role.find_by!(name: name) }
# May look, may not be given work: a member whom Redmine refuses as an assignee.
OBSERVER = Role.create!(name: 'Observer', assignable: false, permissions: %i[view_issues view_news])
ROLES[:developer].add_permission!(:add_issues, :edit_issues, :view_issues, :manage_news, :add_issue_notes, :edit_wiki_pages)

# Identifier, name, parent. `research` is private; `legacy` is closed and `attic` archived at the end.
PLAN = [
  ['website', 'Website', nil], ['webshop', 'Web shop', 'website'], ['mobile', 'Mobile app', nil], ['billing', 'Billing', nil],
  ['infra', 'Infrastructure', nil], ['research', 'Research', nil], ['legacy', 'Legacy portal', nil], ['attic', 'Attic', nil]
].freeze

# Who is a member of what. Nobody but the leaver is in more than one of the big projects, except on purpose:
# `webshop` inherits the members of `website`, and `carol` comes into `mobile` only through a group (seed.ts).
MEMBERS = {
  'website' => { 'alice' => :developer, 'bob' => :developer, 'ivan' => OBSERVER, 'kim' => :manager, 'nina' => :reporter },
  'mobile' => { 'alice' => :manager, 'liam' => :developer, 'oscar' => :reporter },
  'billing' => { 'alice' => :developer, 'dave' => :developer, 'judy' => :developer, 'peggy' => :manager },
  'infra' => { 'alice' => :developer, 'erin' => :manager, 'quentin' => :developer },
  'research' => { 'alice' => :reporter, 'frank' => :developer, 'rupert' => :developer },
  'legacy' => { 'alice' => :developer, 'grace' => :manager },
  'attic' => { 'alice' => :developer, 'heidi' => :manager }
}.freeze

in_one_transaction do
  PLAN.each do |identifier, name, parent|
    project = Project.new(name: name, is_public: identifier != 'research', inherit_members: !parent.nil?)
    project.identifier = identifier
    project.trackers = Tracker.all.to_a
    project.enabled_module_names = %w[issue_tracking time_tracking news wiki boards]
    project.save!
    project.set_parent!(projects.fetch(parent)) if parent
    projects[identifier] = project
  end
  # A project object that does not know of its child yet would pass no members on to it.
  projects.each_value(&:reload)
  MEMBERS.each do |identifier, members|
    members.each do |login, role|
      role = ROLES.fetch(role) if role.is_a?(Symbol)
      Member.create!(project: projects.fetch(identifier), principal: people.fetch(login), roles: [role])
    end
  end
  # Everybody else works in one project each, so that no successor fits two.
  newcomers = FIRST_NAMES.map(&:downcase).drop(20) - ['victor']
  newcomers.each_with_index do |login, index|
    project = projects.fetch(%w[website mobile billing infra research][index % 5])
    Member.create!(project: project, principal: people.fetch(login), roles: [ROLES.fetch(index.even? ? :developer : :reporter)])
  end
end

OPEN = IssueStatus.where(is_closed: false).sorted.to_a
CLOSED = IssueStatus.where(is_closed: true).sorted.to_a
TRACKERS = Tracker.sorted.to_a
PRIORITIES = IssuePriority.active.to_a
LEAVER = people.fetch('alice')

make = lambda do |project, number, assignee, status, author, subject = nil|
  issue = Issue.new(
    project: project, tracker: TRACKERS[number % TRACKERS.size], status: status, priority: PRIORITIES[number % PRIORITIES.size],
    author: author, subject: subject || "#{project.name} #{number}", assigned_to: assignee
  )
  issue.notify = false
  issue.save!
  issues_made += 1
  issue
end

# Per project: open issues of the leaver, closed ones of the leaver, issues of everybody else.
SIZES = {
  'website' => [40, 20, 330], 'webshop' => [8, 4, 60], 'mobile' => [40, 20, 330], 'billing' => [40, 20, 330],
  'infra' => [40, 20, 330], 'research' => [40, 20, 290], 'legacy' => [6, 10, 40], 'attic' => [4, 6, 20]
}.freeze

reviewer = IssueCustomField.create!(
  name: 'Reviewer', field_format: 'user', is_filter: true, trackers: Tracker.all.to_a, projects: [projects.fetch('website')]
)

SIZES.each do |identifier, (open, closed, others)|
  in_one_transaction do
    project = projects.fetch(identifier)
    members = project.members.includes(:user, :roles).map(&:user).reject { |user| user == LEAVER }.sort_by(&:id)
    workers = members.select { |user| project.assignable_users.include?(user) }
    open.times { |n| make.call(project, n, LEAVER, OPEN[n % OPEN.size], members[n % members.size]) }
    closed.times { |n| make.call(project, n, LEAVER, CLOSED[n % CLOSED.size], n.even? ? LEAVER : members.first, "Done in #{project.name} #{n}") }
    others.times do |n|
      assignee = (n % 5).zero? ? nil : workers[n % workers.size]
      status = (n % 3).zero? ? CLOSED[n % CLOSED.size] : OPEN[n % OPEN.size]
      author = (n % 11).zero? ? LEAVER : members[n % members.size]
      issue = make.call(project, n, assignee, status, author, "Work in #{project.name} #{n}")
      next unless identifier == 'website' && (n % 40).zero?

      CustomValue.create!(custom_field: reviewer, customized: issue, value: LEAVER.id.to_s)
    end
  end
end

in_one_transaction do
  # Redmine lets an issue's author be its assignee without being a member: Mallory may take these five, and nobody else's.
  5.times { |n| make.call(projects.fetch('infra'), n, LEAVER, OPEN[n % OPEN.size], people.fetch('mallory'), "Reported by a guest #{n}") }

  projects.fetch('mobile').update!(default_assigned_to: LEAVER)
  projects.fetch('research').update!(default_assigned_to: people.fetch('frank'))

  query = lambda do |owner, name, visibility, project = nil|
    IssueQuery.create!(name: name, user: owner, visibility: visibility, project: project,
                       filters: { 'assigned_to_id' => { operator: '=', values: [owner.id.to_s] } })
  end
  query.call(LEAVER, 'My open issues', Query::VISIBILITY_PRIVATE)
  query.call(LEAVER, 'My week', Query::VISIBILITY_PRIVATE, projects.fetch('infra'))
  query.call(LEAVER, 'Release board', Query::VISIBILITY_PUBLIC, projects.fetch('website'))
  query.call(LEAVER, 'All incidents', Query::VISIBILITY_PUBLIC)
  query.call(people.fetch('bob'), 'Bob only', Query::VISIBILITY_PRIVATE)

  board = Board.create!(project: projects.fetch('website'), name: 'Talk', description: 'Talk')
  topic = Message.create!(board: board, subject: 'Plans', content: 'What next?', author: LEAVER)
  Message.create!(board: board, parent: topic, subject: 'RE: Plans', content: 'Holidays.', author: people.fetch('bob'))
  News.create!(project: projects.fetch('infra'), title: 'New racks', description: 'They are here.', author: LEAVER)
     .comments.create!(author: LEAVER, comments: 'At last.')
  EmailAddress.create!(user: LEAVER, address: 'alice.ahrens@example.org')

  # Judy is locked already, and still a member: Redmine refuses her as an assignee.
  people.fetch('judy').update!(status: Principal::STATUS_LOCKED)
  projects.fetch('legacy').close
  raise 'attic could not be archived' unless projects.fetch('attic').archive

  %w[session session autologin].each { |action| Token.create!(user: LEAVER, action: action) }
  Token.create!(user: LEAVER, action: 'feeds')
  Token.create!(user: people.fetch('bob'), action: 'session')
end

puts JSON.generate(
  apiKeys: %w[admin olivia alice bob].to_h { |login| [login, people.fetch(login).api_key] },
  people: people.transform_values(&:id),
  projects: projects.transform_values(&:id),
  roles: { manager: ROLES[:manager].id, developer: ROLES[:developer].id, reporter: ROLES[:reporter].id, observer: OBSERVER.id },
  statuses: { open: OPEN.first.id, closed: CLOSED.first.id },
  trackers: TRACKERS.map(&:id),
  issues: issues_made
)
