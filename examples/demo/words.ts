/** What names, titles and subjects of the demo world are put together from. */

export const WORDS = {
  companyFirst: (
    'Aldgate,Amber,Arctic,Atlas,Baltic,Beacon,Birch,Bluewater,Boreal,Bright,Cedar,Civic,Clearwater,' +
    'Cobalt,Copper,Coral,Delta,Eastgate,Ember,Evergreen,Fairway,Falcon,Fjord,Foxglove,Gable,Granite,' +
    'Harbour,Hazel,Helix,Highland,Indigo,Ironwood,Juniper,Keystone,Lakeside,Larch,Lumen,Maple,' +
    'Meridian,Monarch,Nordic,Oakfield,Orchard,Osprey,Pacific,Pinnacle,Quarry,Redwood,Riverside,' +
    'Saffron,Sierra,Silver,Solstice,Summit,Tideway,Umber,Vantage,Westbrook,Willow,Zephyr'
  ).split(','),
  companySecond: (
    'Analytics,Aviation,Beverages,Biotech,Capital,Ceramics,Clinics,Components,Consulting,Dairy,' +
    'Dental,Design,Education,Energy,Fabrics,Farms,Finance,Foods,Freight,Furniture,Gardens,Glass,' +
    'Health,Homes,Hotels,Imaging,Insurance,Labs,Legal,Logistics,Machines,Marine,Media,Mobility,' +
    'Networks,Optics,Outdoors,Paper,Pharma,Plastics,Power,Press,Print,Properties,Retail,Robotics,' +
    'Schools,Security,Shipping,Software,Solar,Sports,Steel,Studios,Textiles,Timber,Tools,Travel,' +
    'Water,Works'
  ).split(','),
  companyForm: ['GmbH', 'AB', 'Ltd', 'Inc', 'SA', 'BV', 'Oy', 'SpA', 'Pty', 'AG'],
  firstName: (
    'Adam,Ada,Bela,Bianca,Carl,Clara,David,Dora,Emil,Eva,Frank,Flora,Georg,Gina,Hans,Helen,Ivan,Iris,' +
    'Jakob,Jane,Karl,Kira,Lars,Lena,Max,Mona,Niko,Nora,Otto,Olga,Paul,Petra,Rolf,Rosa,Sven,Stella,' +
    'Theo,Tara,Uwe,Uma,Viktor,Wanda,Yann,Zara'
  ).split(','),
  lastName: (
    'Abel,Arnold,Bauer,Berg,Bianchi,Carlsen,Costa,Dietz,Duarte,Eklund,Evans,Ferrari,Fuchs,Gomez,' +
    'Gruber,Hansen,Hoffmann,Ito,Jansen,Jung,Kaya,Keane,Kim,Lang,Lopez,Maier,Marin,Meyer,Moore,Nagy,' +
    'Olsen,Ortiz,Park,Peters,Quinn,Reed,Ricci,Rossi,Ruiz,Sanchez,Schmidt,Silva,Singh,Stone,Tan,' +
    'Turner,Vogel,Walsh,Weiss,Yilmaz,Young,Zhang'
  ).split(','),
  task: [
    'Prepare the quarterly review',
    'Send the renewal quote',
    'Check in after go-live',
    'Follow up on the open invoice',
    'Plan the admin training',
    'Collect feedback on the pilot',
    'Review usage with the champion',
    'Draft the success plan',
    'Confirm the security questionnaire',
    'Book the executive call',
    'Clean up duplicate contacts',
    'Share the release notes',
    'Ask for a reference',
    'Escalate the data import',
    'Update the health score',
    'Agree on next quarter’s goals',
  ],
  opportunity: [
    'Renewal',
    'Expansion',
    'New business',
    'Premium support',
    'Add-on: analytics',
    'Add-on: single sign-on',
    'Multi-year deal',
  ],
  note: [
    'Champion is on leave until the end of the month.',
    'They compare us with their in-house tool; price is not the point.',
    'Wants the export to run at night.',
    'Happy with support, unhappy with onboarding.',
    'New sponsor since the reorganisation.',
    'Asked for the roadmap under NDA.',
  ],
  activity: [
    'Called the customer',
    'Sent an e-mail',
    'Held a review',
    'Changed the health score',
    'Completed a task',
    'Uploaded a document',
    'Logged a risk',
  ],
  mail: [
    'Your renewal',
    'Agenda for Thursday',
    'Re: onboarding plan',
    'Minutes of our call',
    'Re: security review',
    'A quick question',
    'Release notes',
  ],
  scheduled: [
    'Your renewal is coming up',
    'Three tips for the new quarter',
    'Invitation: product webinar',
    'How did the training go?',
  ],
  source: ['Website', 'Referral', 'Trade fair', 'Webinar', 'Partner', 'Cold call'],
  view: [
    'At risk',
    'Renewals this quarter',
    'No contact in 30 days',
    'Top accounts',
    'Onboarding',
    'Low adoption',
    'Growth candidates',
    'My book',
  ],
  dashboard: [
    'Health of my book',
    'Renewals',
    'Adoption by product',
    'Team workload',
    'Expansion pipeline',
    'Churn reasons',
  ],
  conversation: [
    'Invoice shows the wrong VAT',
    'Cannot sign in after the password reset',
    'Export stops half way',
    'How do I add a second workspace?',
    'Dashboard shows old numbers',
    'Webhook delivers twice',
    'Request: more seats',
    'Single sign-on with our provider',
    'Question about the data retention',
    'Mobile app closes itself',
    'Import rejects our CSV file',
    'Please change our billing contact',
    'Rate limit reached',
    'Slow search since Monday',
  ],
  note2: [
    'Known bug, fixed in the next release.',
    'Customer is in the beta group.',
    'Waiting for the logs.',
    'Told them to try the new importer.',
  ],
  draft: [
    'Thank you for your patience, we have',
    'I looked into the export and',
    'Could you send us the',
    'Good news: the fix',
  ],
} satisfies Record<string, string[]>;
